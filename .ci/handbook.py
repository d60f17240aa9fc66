"""Writes the handbook's pages that come from code: `python .ci/handbook.py`. A test fails on stale ones.

The drills, and a page of exceptions for each owner: what a type means, how soon it is due, what to do, when it closes,
and what fits at the console.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from actors.desk import acting  # noqa: E402 -- the repository is on the path only now
from actors.domain.exception_life import DUE, HOUR  # noqa: E402
from actors.domain.exception_types import CATALOGUE, ExceptionType, Owner, Severity  # noqa: E402
from actors.domain.mapped import TYPES  # noqa: E402
from actors.domain.order_state import OrderState  # noqa: E402
from daemon.commands.sandbox_drills import DRILLS  # noqa: E402

FOLDER = ROOT / "docs" / "handbook"

_WHO = {
    Owner.OPS: "ops: orders, stock, warehouse",
    Owner.FINANCE: "finance: totals, taxes, postings, month end",
    Owner.ECOMMERCE: "ecommerce: SKUs, products, customers who have to be told",
    Owner.IT: "it: connections, limits, formats, the machine",
}
_BUTTONS = (
    ("retry", "an order that is held", acting.Case(type="", owner="", kind="order", holds=True, state=OrderState.HELD)),
    (
        "retry",
        "an order that is a sale",
        acting.Case(type="", owner="", kind="order", state=OrderState.EXPORTED, has_sale=True),
    ),
    ("retry", "anything else", acting.Case(type="", owner="", kind="sku")),
    (
        "dismiss",
        "an order that is held",
        acting.Case(type="", owner="", kind="order", holds=True, state=OrderState.HELD),
    ),
    ("dismiss", "anything else", acting.Case(type="", owner="", kind="sku")),
    (
        "dismiss",
        "a held order that has a sale",
        acting.Case(type="", owner="", kind="order", holds=True, state=OrderState.HELD, has_sale=True),
    ),
    (
        "release",
        "books that differ or wait",
        acting.Case(type="", owner="", kind="order", state=OrderState.EXPORTED, has_sale=True, books_due=True),
    ),
    ("release", "a whole day that waits", acting.Case(type="", owner="", kind="books", waiting=1)),
    ("assign", "anything", acting.Case(type="", owner="", kind="order")),
    ("snooze", "anything", acting.Case(type="", owner="", kind="order")),
)
"""Which words of `actors/desk/acting.py` stand at the head of each page."""

_RELEASED = frozenset({"books_differ", "posting_waits", "posting_locked", "release_unconfirmed", "order_edited"})
_ASKED_NOWHERE = frozenset(
    {"notification_unreadable", "orders_silent", "posting_waits", "second_daemon", "tax_rule_changed"}
)
"""What there is nothing to retry about: `daemon/actions.py` refuses it."""

_TEXTS = {
    "sku_missing": "correct the SKU of this order",
    "sku_unknown": "correct the SKU of this order",
    "field_too_long": "correct the text",
    "desk_edit_lost": "correct the text again",
}
_TABLES = {
    kind: {code for code in codes if code != "facts_missing"} for kind, codes in TYPES.items()
}  # facts_missing is answered where the list was never asked for, not by a row


def pages() -> dict[Path, str]:
    """Return what each page should hold."""
    made = {FOLDER / f"exceptions-{owner.value}.md": "\n".join(_page(owner)) + "\n" for owner in Owner}
    return made | {FOLDER / "drills.md": "\n".join(_drills()) + "\n"}


def _page(owner: Owner) -> Iterator[str]:
    kinds = sorted(
        (kind for kind in CATALOGUE.values() if kind.owner is owner),
        key=lambda kind: (-list(Severity).index(kind.severity), not kind.holds, kind.code),
    )
    yield f"# Exceptions of {owner.value}"
    yield ""
    yield f"For {_WHO[owner]}. Made from the catalogue by `.ci/handbook.py`: change it there."
    yield ""
    yield f"There are {len(kinds)} types. What is most urgent comes first. How people settle exceptions tells"
    yield "[the desk](../desk.md); what your day looks like, [your own page](" + f"{owner.value}.md)."
    yield ""
    yield "| button | on | does |"
    yield "|---|---|---|"
    for action, on, case in _BUTTONS:
        done = acting.would(action, case)
        if isinstance(done, acting.Would):
            yield f"| {action} | {on} | {done.what} |"
    yield ""
    yield "| type | severity | due within | |"
    yield "|---|---|---|---|"
    for kind in kinds:
        yield f"| [`{kind.code}`](#{kind.code}) | {kind.severity.value} | {_span(kind.severity)} | {_held(kind)} |"
    for kind in kinds:
        yield ""
        yield from _type(kind)


def _type(kind: ExceptionType) -> Iterator[str]:
    yield f"## {kind.code}"
    yield ""
    yield kind.meaning
    yield ""
    held = "Its record goes no further meanwhile." if kind.holds else "Nothing is held by it."
    yield f"*{kind.severity.value.capitalize()}, due within {_span(kind.severity)}. {held}*"
    yield ""
    yield from (f"{number}. {step}" for number, step in enumerate(kind.steps, 1))
    yield ""
    yield f"- **Closes when:** {kind.clears}"
    yield f"- **Fits:** {', '.join(_fitting(kind))}."


def _fitting(kind: ExceptionType) -> Iterator[str]:
    if kind.code not in _ASKED_NOWHERE:
        yield "retry"
    for table, codes in _TABLES.items():
        if kind.code in codes:
            yield f"map it (`{table.value}`)"
    if kind.code in _TEXTS:
        yield _TEXTS[kind.code]
    if kind.code in _RELEASED:
        yield "release"
    yield "assign"
    yield "snooze"
    of_a_day = kind.code == "posting_waits"
    case = acting.Case(
        type=kind.code, owner=kind.owner.value, kind="books" if of_a_day else "message", waiting=int(of_a_day)
    )
    if isinstance(acting.would("dismiss", case), acting.Would):
        yield "dismiss with a reason"


_FIRST = """# Drills

Troubles to rehearse, in a sandbox of your own: a local commercetools, a local Cin7 Core, and the real daemon between
them. Nothing there is real, and nothing can be broken. Made from the drills by `.ci/handbook.py`: change them there.

```
tallyd sandbox --drill list
tallyd sandbox --drill sku-missing
```

It prints a name and a token for each role, sells some ordinary orders, and then makes its trouble. You are told what
happened, where to look, and what to do in three steps at most. What you would do in commercetools' or Cin7 Core's own
screens, the sandbox does for you when you press Enter. It says *solved* once the evidence is there: the exception is
closed, the order is a sale. With `--exit-when-done` it does your part too, to be watched.

Rehearse alone first, then in pairs: one at the console, one who asks *what if you had pressed that?*"""


def _drills() -> Iterator[str]:
    yield _FIRST
    yield ""
    yield "| drill | for | about | minutes |"
    yield "|---|---|---|---|"
    for drill in DRILLS.values():
        about = f"[`{drill.code}`](exceptions-{drill.role}.md#{drill.code})" if drill.code else "an order in doubt"
        yield f"| [{drill.name}](#{drill.name}) | {drill.role} | {about} | {drill.minutes} |"
    for drill in DRILLS.values():
        yield ""
        yield f"## {drill.name}"
        yield ""
        yield drill.story
        yield ""
        yield f"- **What you see:** {drill.see}"
        yield f"- **Where to look:** `{drill.page}`, or `tallyd {drill.command}`"
        yield ""
        yield from (f"{number}. {step}" for number, step in enumerate(drill.steps, 1))
        yield ""
        yield f"- **The sandbox** {drill.hand}." if drill.hand else "- **You** do all of it at the console."
        yield f"- **To take home:** {drill.lesson}"


def _held(kind: ExceptionType) -> str:
    return "holds its record" if kind.holds else "tells"


def _span(severity: Severity) -> str:
    hours = DUE[severity] // HOUR
    return "an hour" if hours == 1 else "a day" if hours == 24 else f"{hours // 24} days"


def main() -> None:
    """Write them."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
