"""The life of one order as text for a terminal of 100 columns; times are local, with their offset from UTC."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from daemon.commands.table import side_by_side, table
from daemon.order_life import INSTANTS

Document = dict[str, Any]

WIDTH = 100
_SIDE = 42
"""Columns of one system's side."""

_LONGEST_WHAT = 30
_ALWAYS = ("at", "what", "source")


def order_text(order: Document) -> str:
    """Write one order: what it is, both sides, what is open, refunds, its books, and its timeline."""
    parts = (
        _head(order),
        _totals(order["totals"]),
        _sides(order["sides"]),
        "\n".join(line for item in order["exceptions"] if item["state"] == "open" for line in _exception(item)),
        _refunds(order["refunds"]),
        _books(order["books"]),
        _timeline(order),
    )
    return "\n\n".join(part for part in parts if part)


def local(instant: str | None) -> str:
    """Write an instant in local time, ISO 8601 to the second; a dash for none."""
    return "-" if instant is None else datetime.fromisoformat(instant).astimezone().isoformat(timespec="seconds")


def _head(order: Document) -> str:
    sale, totals, rate = order["cin7"], order["totals"], order["totals"]["rate"]
    reason = f": {order['reason']}" if order["reason"] else ""
    rows = [
        ("order", f"{order['number'] or '-'} ({order['id']})"),
        ("state", f"{order['state']} since {local(order['state_since'])}{reason}"),
        ("sale", f"{sale['number'] or '-'} ({sale['sale_id']})" if sale["sale_id"] else "-"),
        ("reference", sale["reference"]),
        ("payable", f"{order['payable']} {order['currency']}"),
        ("rate", rate and f"{rate['rate']} of {rate['day'] or '-'} ({rate['source'] or '-'})"),
        (
            "tolerated",
            totals["tolerated"].strip("0.") and f"{totals['tolerated']} {totals['currency']} on the cents row",
        ),
        ("trace", f"{order['trace_id']} (look for this id where [telemetry] sends traces)"),
    ]
    return "\n".join(line for name, text in rows if text for line in _hung(f"{name:<11}", text))


def _totals(totals: Document) -> str:
    rows = [
        [name, totals[key]["net"], totals[key]["tax"], totals[key]["total"]]
        for name, key in (("predicted", "predicted"), ("Cin7 Core", "cin7"))
    ]
    verdict = {True: "agree", False: "DIFFER", None: "not compared yet"}[totals["reconciled"]]
    text = f"{table(['TOTALS', 'NET', 'TAX', 'TOTAL'], rows)}\n{verdict}"
    components = side_by_side(totals["breakdown"])
    return f"{text}\n\n{components}" if components else text


# -- both sides -------------------------------------------------------------------------------------------------------


def _sides(sides: Document) -> str:
    ours, theirs = sides["commercetools"], sides["cin7"] or {}
    voided = "voided" if theirs.get("voided") else ""
    rows = [
        ("as of", local(ours["as_of"]), local(theirs.get("as_of"))),
        ("record", f"version {ours['version']}", theirs.get("number") or theirs.get("sale_id")),
        ("state", ours["order"], ", ".join(word for word in (theirs.get("status"), voided) if word)),
        ("payment", ours["payment"], _word("invoice", theirs.get("invoicing"))),
        ("shipment", ours["shipment"], theirs.get("shipping")),
        ("warehouse", "", _warehouse(theirs)),
        ("tracking", "", theirs.get("tracking")),
        *_pairs("sent", _named(ours["deliveries"]), _named(theirs.get("fulfilments", {}))),
        *_pairs("returned", _named(ours["returns"]), _named(theirs.get("credit_notes", {}))),
    ]
    lines = [line for name, left, right in rows if left or right for line in _across(name, left or "-", right or "-")]
    return table(["SIDES", "commercetools", "Cin7 Core"], lines)


def _warehouse(sale: Document) -> str:
    return ", ".join(text for name in ("picking", "packing") if (text := _word(name, sale.get(name))))


def _word(name: str, text: str | None) -> str:
    return f"{name} {text}" if text else ""


def _named(texts: dict[str, str]) -> list[str]:
    return [f"{name}: {text}" for name, text in texts.items()]


def _pairs(name: str, left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What there are several of on either side; only the first row is named."""
    for number, (one, other) in enumerate(zip_longest(left, right, fillvalue="")):
        yield " " if number else name, one, other


def _across(name: str, left: str, right: str) -> list[list[str]]:
    """Break two texts into rows of their columns."""
    columns = zip_longest(textwrap.wrap(left, _SIDE), textwrap.wrap(right, _SIDE), fillvalue=" ")
    return [[" " if number else name, one, other] for number, (one, other) in enumerate(columns)]


# -- what is open, and money paid back --------------------------------------------------------------------------------


def _exception(item: Document) -> list[str]:
    return [
        *_hung(f"exception {item['id']}  ", f"{item['type']} ({item['owner']}): {item['cause']}"),
        *_hung("  next: ", f"{item['next_step']} (since {local(item['opened_at'])})"),
    ]


def _refunds(found: Sequence[Document]) -> str:
    if not found:
        return ""
    rows = [
        [
            f"{one['amount']} {one['currency']}" if one["amount"] else f"{one['minor_units']} minor {one['currency']}",
            one["state"],
            one["credit_note"] or "no credit note",
            one["id"],
        ]
        for one in found
    ]
    return table(["REFUND", "STATE", "CREDIT NOTE", "TRANSACTION"], rows)


# -- the books --------------------------------------------------------------------------------------------------------

_KINDS = (
    ("ordered", "order", "sale"),
    ("invoiced", "", "invoice"),
    ("paid", "payment", "payment"),
    ("credited", "", "credit_note"),
    ("refunded", "refund", "refund"),
)
"""Which documents of commercetools and of Cin7 Core stand beside each other, under what name."""


def _books(books: Document | None) -> str:
    if books is None:
        return ""
    sides = [
        (kind, _counted(books, "commercetools", ours), _counted(books, "cin7", theirs)) for kind, ours, theirs in _KINDS
    ]
    rows = [
        row for kind, ours, theirs in sides for pair in _pairs(kind, ours, theirs) for row in _across(*_dashed(pair))
    ]
    lines = [
        *(table(["BOOKS", "commercetools", "Cin7 Core"], rows).splitlines() if rows else ()),
        *_hung("" if rows else "BOOKS      ", _standing(books)),
        *(line for one in books["discrepancies"] for line in _discrepancy(one)),
        *(line for one in books["postings"] if one["state"] != "done" for line in _posting(one)),
    ]
    return "\n".join(lines)


STEPS = {
    "next": "a document is posted next",
    "held": "held until they agree, or a person releases or rejects them",
    "asked": "a second person has to say the same",
    "waits": "they wait for a release",
    "locked": "a document would fall into a locked period",
    "refused": "Cin7 Core refused a document",
    "stuck": "something keeps a document from being posted",
}
"""What the books wait for, in words a person knows."""


def _standing(books: Document) -> str:
    """Say in one line how the books stand, and what a person decided about them."""
    decided = books["decision"]
    words = [
        {"": "not judged yet", "agrees": "agree", "differs": "DIFFER"}[books["verdict"]],
        STEPS.get(books["step"], books["step"]),
        f"of {books['day']}" if books["day"] else "",
        f"looked at {local(books['looked_at'])}",
        f"{decided['decision']} by {decided['by']} at {local(decided['at'])}: {decided['why'] or '-'}"
        if decided
        else "",
    ]
    return ", ".join(word for word in words if word)


def _counted(books: Document, side: str, kind: str) -> list[str]:
    return [_document(one) for one in books["documents"] if (one["side"], one["kind"]) == (side, kind)]


def _document(one: Document) -> str:
    tax = f", tax {one['tax']}" if one["by_rule"] else ""
    where = f" on {one['account']}" if one["account"] else ""
    # A payment goes by what it stands for; its invoice is told above it.
    name = one["reference"] if one["kind"] in ("payment", "refund") else one["number"]
    return f"{one['total']}{tax}{where} ({name or one['id']})"


def _dashed(pair: tuple[str, str, str]) -> tuple[str, str, str]:
    name, left, right = pair
    return name, left or "-", right or "-"


def _discrepancy(one: Document) -> list[str]:
    ours, theirs = one["commercetools"], one["cin7"]
    place = f" of {one['where']}" if one["where"] else ""
    taxed = f", {one['rule']}" if one["rule"] else ""
    head = f"{one['reason']}: {one['component']}{place} ({one['chain']}{taxed}), {one['net']} net, {one['tax']} tax"
    return [
        *_hung("differs    " if one["wrong"] else "not yet    ", head),
        *_hung("  commercetools  ", _figure(ours)),
        *_hung("  Cin7 Core      ", _figure(theirs)),
    ]


def _figure(side: Document) -> str:
    made = f", by {side['rule']}" if side["rule"] else ""
    return f"{side['figure'] or '-'} ({side['document'] or 'no document'}{made})"


def _posting(one: Document) -> list[str]:
    doubt = f", may be executed until {local(one['doubt_until'])}" if one["doubt_until"] else ""
    return _hung("posting    ", f"{one['key']} {one['state']} since {local(one['began_at'])}{doubt}")


# -- the timeline -----------------------------------------------------------------------------------------------------


def _timeline(order: Document) -> str:
    entries = order["timeline"]
    wide = min(max((len(entry["what"]) for entry in entries), default=0), _LONGEST_WHAT)
    lines = [f"{'AT':<25}  WHAT"]
    if order["timeline_left_out"]:
        lines.append(f"… {order['timeline_left_out']} older entries are left out")
    for entry in entries:
        told = " ".join(_TOLD[entry["source"]](entry).split())
        lines += _hung(f"{local(entry['at'])}  ", f"{entry['what']:<{wide}}  {told}")
    return "\n".join(lines)


def _event(entry: Document) -> str:
    version = f" version {entry['version']}" if entry["version"] else ""
    repeated = f", told {entry['repeated'] + 1} times" if entry["repeated"] else ""
    return f"{entry['about']}{version} by {entry['door']}: {entry['outcome']}{repeated}"


def _call(entry: Document) -> str:
    words = [entry["outcome"], _took(entry), f"lane {entry['lane']}", f"call {entry['call']}", entry["detail"]]
    return ", ".join(word for word in words if word)


def _took(entry: Document) -> str:
    if entry["ended_at"] is None:
        return "" if entry["outcome"] else "no end known"
    took = datetime.fromisoformat(entry["ended_at"]) - datetime.fromisoformat(entry["at"])
    return f"{took.total_seconds():.3f} s"


def _exceptional(entry: Document) -> str:
    owner = f" ({entry['owner']})" if "owner" in entry else ""
    text = entry["cause"] if "cause" in entry else entry["resolution"] or ""
    return f"{entry['exception']} {entry['type']}{owner}: {text}"


def _person(entry: Document) -> str:
    more = _details(entry, "author", "reason")
    return f"{entry['author']}: {entry.get('reason') or 'no reason given'}{f'  {more}' if more else ''}"


def _details(entry: Document, *without: str) -> str:
    told = {key: value for key, value in entry.items() if key not in (*_ALWAYS, *without) and value not in ("", None)}
    return " ".join(f"{key}={local(value) if key in INSTANTS else value}" for key, value in told.items())


_TOLD: dict[str, Callable[[Document], str]] = {
    "event": _event,
    "person": _person,
    "step": _details,
    "call": _call,
    "exception": _exceptional,
}


def _hung(name: str, text: str) -> list[str]:
    """Write a name and a text; what does not fit into the width goes on below the text."""
    lines = textwrap.wrap(text, WIDTH - len(name), break_on_hyphens=False)
    return [f"{' ' * len(name) if number else name}{line}" for number, line in enumerate(lines)]
