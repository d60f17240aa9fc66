"""Which webhooks are ours, and what is to be done about them."""

from __future__ import annotations

import pytest

from actors.domain.webhook import MOST_OF_A_TYPE, NEEDED, Step, Webhook, address, is_same_address, plan

PUBLIC = "https://hooks.example.com/"


def hook(kind: str, *, url: str | None = None, active: bool = True, bearer: bool = True, number: int = 1) -> Webhook:
    where = address(PUBLIC, kind) if url is None else url
    return Webhook(id=f"{kind}-{number}", type=kind, url=where, active=active, bearer=bearer)


def steps(*existing: Webhook) -> dict[str, Step]:
    return {line.type: line.step for line in plan(existing, PUBLIC)}


def test_an_empty_account_needs_one_of_each() -> None:
    assert steps() == dict.fromkeys(NEEDED, Step.CREATE)
    assert len(set(NEEDED)) == len(NEEDED)


def test_addresses_are_those_of_the_door() -> None:
    assert address(PUBLIC, "Sale/Voided") == "https://hooks.example.com/intake/cin7/Sale/Voided"


def test_one_that_works_is_kept_and_others_are_counted() -> None:
    kind = NEEDED[0]
    theirs = [hook(kind, url="https://other.example.com", number=number) for number in (2, 3)]
    [line] = [line for line in plan([hook(kind), *theirs], PUBLIC) if line.type == kind]
    assert (line.step, line.others) == (Step.KEEP, 2)
    assert line.webhook == hook(kind)


def test_one_that_is_off_or_sends_another_token_is_revived() -> None:
    kind = NEEDED[0]
    assert steps(hook(kind, active=False))[kind] is Step.REVIVE
    assert steps(hook(kind, bearer=False))[kind] is Step.REVIVE
    assert steps(hook(kind, active=False), hook(kind, number=2))[kind] is Step.KEEP


def test_five_of_others_fill_a_type_and_are_left_alone() -> None:
    kind = NEEDED[0]
    theirs = [hook(kind, url=f"https://{n}.example.com", number=n, active=False) for n in range(MOST_OF_A_TYPE)]
    assert steps(*theirs)[kind] is Step.FULL
    assert steps(*theirs[1:])[kind] is Step.CREATE
    assert all(line.webhook is None for line in plan(theirs, PUBLIC))


def test_a_type_nobody_needs_is_nobodys_business() -> None:
    assert steps(hook("Task/Overdue")) == steps()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://hooks.example.com/intake/cin7/Sale/Voided", True),
        ("HTTPS://Hooks.Example.COM/intake/cin7/Sale/Voided", True),
        ("https://hooks.example.com/intake/cin7/sale/voided", False),
        ("http://hooks.example.com/intake/cin7/Sale/Voided", False),
        ("https://hooks.example.com:444/intake/cin7/Sale/Voided", False),
        ("https://[hooks", False),
        ("", False),
    ],
)
def test_a_host_is_the_same_in_any_case_of_letters_a_path_is_not(other: str, same: bool) -> None:
    assert is_same_address(address(PUBLIC, "Sale/Voided"), other) is same
    kept = Step.KEEP if same else Step.CREATE
    assert steps(hook("Sale/Voided", url=other))["Sale/Voided"] is kept
