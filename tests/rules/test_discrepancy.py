"""What a release covers, and what it does not."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from actors.domain.discrepancy import Chain, Discrepancy, Reason, accepted_of, is_covered


def differs(
    net: str, *, chain: Chain = Chain.SALE, reason: Reason = Reason.EDITED_CIN7, component: str = "price"
) -> Discrepancy:
    return Discrepancy(chain=chain, reason=reason, component=component, currency="GBP", net=Decimal(net))


EDITED = (differs("-4.00"),)


@pytest.mark.parametrize(
    ("now", "covered"),
    [
        ((), True),
        (EDITED, True),
        ((differs("-4.00"), differs("-4.00", chain=Chain.INVOICE)), True),
        ((differs("-4.00"), differs("9.00", chain=Chain.INVOICE, reason=Reason.TIMING)), True),
        ((differs("-4.01"),), False),
        ((differs("-4.00", reason=Reason.SHIPPING),), False),
        ((differs("-4.00"), differs("0", reason=Reason.TAX_TITLE)), False),
        ((differs("-4.00"), differs("-1.00", chain=Chain.PAYMENT)), False),
        ((differs("-4.00"), differs("-4.00", chain=Chain.INVOICE), differs("1", chain=Chain.INVOICE)), False),
    ],
    ids=[
        "mended",
        "the same",
        "its invoice carries it",
        "an invoice that is still to come",
        "a cent more",
        "another reason",
        "a title beside",
        "a payment beside",
        "an invoice that carries more",
    ],
)
def test_a_release_covers_what_was_seen_and_nothing_else(now: tuple[Discrepancy, ...], covered: bool) -> None:
    assert is_covered(now, accepted_of(EDITED)) is covered


def test_who_releases_what_agrees_accepts_no_difference() -> None:
    assert is_covered((), accepted_of(()))
    assert not is_covered(EDITED, accepted_of((differs("5", reason=Reason.TIMING),)))


def test_a_difference_is_told_in_one_line_with_what_is_held_against_what() -> None:
    note = Discrepancy(
        chain=Chain.CREDIT,
        reason=Reason.MISSING_COMMERCETOOLS,
        component="amount",
        currency="GBP",
        theirs="12.93",
        our_document="W-5",
        their_document="CR-1",
    )
    told = "– in commercetools (W-5), 12.93 in Cin7 Core (CR-1): missing in commercetools"
    assert str(note) == f"credit amount: {told}"
    assert str(msgspec.structs.replace(note, where="t-1")) == f"credit amount of t-1: {told}"
