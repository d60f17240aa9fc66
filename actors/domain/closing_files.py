"""A report as a file: JSON, CSV, and the digest by which a copy is known to be the same.

The digest is SHA-256 over the report as compact JSON with sorted keys, amounts and days as text: the same data give the
same bytes. It stands beside the report in JSON and in the first row of CSV.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.closing import Closing
from actors.domain.spreadsheet import guarded

Document = dict[str, Any]

COLUMNS = (
    *("section", "currency", "chain", "rule", "side", "reason", "documents", "net", "tax", "gross"),
    *("order", "order_id", "our_document", "their_document", "component", "where", "ours", "theirs"),
    *("our_rule", "their_rule", "owner", "type", "exception", "state", "since", "age_days", "text"),
)
"""The columns of the CSV file. What a row is about stands in `section`; a cell that means nothing there is empty."""

POSTING_COLUMNS = (
    *("day", "safe", "kind", "id", "number", "order", "reference", "account", "currency", "rule"),
    *("net", "tax", "gross", "total", "verified_at", "why"),
)
"""The columns of the postings as CSV: a row per document and tax rule, so that only net, tax and gross add up."""


def shown(amount: Decimal) -> str:
    """Write an amount with two decimals, or up to four where it has them."""
    whole, _, parts = f"{amount:.4f}".partition(".")
    return f"{whole}.{parts.rstrip('0').ljust(2, '0')}"


def document_of(report: Closing) -> Document:
    """Return the report with its digest, ready for JSON."""
    body = plain(report)
    return {"sha256": digest_of(body), "report": body}


def digest_of(body: Mapping[str, Any]) -> str:
    """Return SHA-256 of the canonical form, as hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()


def plain(value: Any) -> Any:
    """Return what JSON can hold: amounts and days become text."""
    match msgspec.to_builtins(value, builtin_types=(Decimal, date)) if isinstance(value, msgspec.Struct) else value:
        case Decimal() as amount:
            return shown(amount)
        case date() as day:
            return day.isoformat()
        case dict() as fields:
            return {name: plain(field) for name, field in fields.items()}
        case list() | tuple() as members:
            return [plain(member) for member in members]
        case other:
            return other


def to_csv(document: Mapping[str, Any]) -> str:
    """Write the report as one table; every row says in its first cell what it is about."""
    return _table(COLUMNS, _rows(document))


def postings_to_csv(page: Mapping[str, Any]) -> str:
    """Write a page of postings, those that are not safe yet below the others."""
    return _table(POSTING_COLUMNS, _posting_rows(page))


def _table(columns: Sequence[str], rows: Iterator[Mapping[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(name, cell) for name, cell in row.items()} for row in rows)
    return out.getvalue()


def _cell(column: str, value: object) -> object:
    """Keep a spreadsheet from taking a text of others for a formula."""
    if column in ("net", "tax", "gross", "total") or not isinstance(value, str):
        return value
    return guarded(value)


def _rows(document: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    report = document["report"]
    yield {"section": "sha256", "text": document["sha256"]}
    for name in ("kind", "name", "first", "last"):
        yield {"section": "period", "type": name, "text": report["period"][name]}
    for name in ("time_zone", "as_of", "provisional"):
        yield {
            "section": "period",
            "type": name,
            "text": str(report[name]).lower() if name == "provisional" else report[name],
        }
    yield from _order_rows(report["orders"])
    for one in report["tolerated"]:
        about = {"section": "tolerated", "currency": one["currency"], "documents": one["orders"]}
        yield {**about, "gross": one["amount"]}
    for chain in report["chains"]:
        yield from _chain_rows(chain)
    yield from _open_rows(report)


def _order_rows(counts: Document) -> Iterator[dict[str, object]]:
    for name, count in counts.items():
        if name != "without_documents":
            yield {"section": "orders", "type": name, "documents": count}
    for state, count in counts["without_documents"].items():
        yield {"section": "orders", "type": "without_documents", "state": state, "documents": count}


def _chain_rows(chain: Document) -> Iterator[dict[str, object]]:
    about = {"currency": chain["currency"], "chain": chain["chain"]}
    for one in chain["rules"]:
        for side in ("commercetools", "cin7"):
            yield {"section": "figure", **about, "rule": one["rule"], "side": side, **one[side]}
        if one["tie"] is not None:
            yield from _tie_rows(one["tie"], "rule ", {**about, "rule": one["rule"]})
    for side in ("commercetools", "cin7"):
        yield {"section": "total", **about, "side": side, **chain[side]}
    yield from _tie_rows(chain["tie"], "total ", about)
    yield {"section": "unexplained orders", **about, "documents": chain["unexplained_orders"]}


def _tie_rows(tie: Document, level: str, about: Mapping[str, object]) -> Iterator[dict[str, object]]:
    yield {"section": f"{level}difference", **about, **tie["difference"]}
    for reason, amounts in tie["reasons"].items():
        yield {"section": f"{level}reason", **about, "reason": reason, **amounts}
    yield {"section": f"{level}unexplained", **about, **tie["unexplained"]}


_OPEN = (
    ("remainders", "open remainder"),
    ("differences", "open difference"),
    ("exceptions", "open exception"),
    ("without_documents", "open order"),
)


def _open_rows(report: Document) -> Iterator[dict[str, object]]:
    for name, section in _OPEN:
        for item in report[name]:
            cells = {column: item[column] for column in COLUMNS if column in item}
            if name == "exceptions":
                cells |= {"exception": item["id"], "order_id": item["record_id"], "text": cause_and_next(item)}
            else:
                cells |= {"order_id": item["order_id"], "text": item.get("decision", "")}
            yield {"section": section, **cells, "order": item["number"]}


def cause_and_next(item: Mapping[str, Any]) -> str:
    """Say in one text what an open exception is about, and what to do about it."""
    cause = item["cause"]
    return f"{cause}{'' if cause.endswith(('.', '!', '?', ':')) else '.'} Next: {item['next_step']}"


def _posting_rows(page: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for safe, name in (("yes", "items"), ("no", "not_yet")):
        for item in page[name]:
            cells = {column: item[column] for column in POSTING_COLUMNS if column in item}
            for share in item["by_rule"]:
                yield {"day": page["day"], "safe": safe, **cells, **share}
