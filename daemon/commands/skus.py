"""`tallyd skus`: how the SKUs of both sides match, what would be unpublished, and drafts of new items."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from daemon.commands.acting import act, add_reason
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_sort, add_verb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actors.catalogue.rules import CatalogueRules
    from actors.domain.time import Instant
    from adapters.operator.reading import PlanQuery, SkuQuery

T = TypeVar("T")

DEFAULT_VERB = "list"

_WHERE = {
    "matched": "on both sides",
    "only_cin7": "only in Cin7 Core",
    "only_commercetools": "only in commercetools",
}
_FLAGS = {
    "deprecated": "deprecated in Cin7 Core",
    "not_sellable": "not for sale in Cin7 Core",
    "duplicate": "more than once on one side",
    "not_published": "not published",
    "no_tax_category": "no tax category",
    "no_price": "no price",
    "near_miss": "looks like one of the other side",
    "collision": "looks like another of its side",
    "mapped": "sold as what a mapping says, needs no item",
}
_MATCHES = (*_WHERE, "unmatched", "all")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    listing = add_verb(
        verbs,
        "list",
        "list SKUs of both sides; without a filter: how many match, then those that do not",
        "tallyd skus list --match only_commercetools --published",
    )
    listing.add_argument(
        "--match",
        choices=_MATCHES,
        help="on which sides they are (default: unmatched; with any other filter or --csv: all)",
    )
    listing.add_argument("--flag", choices=tuple(_FLAGS), help="only those with this flag")
    listing.add_argument("--published", action="store_true", help="only those that can be bought now")
    listing.add_argument("--text", default="", metavar="TEXT", help="only SKUs that contain this, capitals or not")
    listing.add_argument("--limit", type=int, metavar="N", help="at most so many (default 100; with --csv: all)")
    add_sort(listing, ("sku", "match", "published", "flags", "near"))
    listing.add_argument("--after", default="", metavar="NEXT", help="go on where a page ended: after this SKU")
    listing.add_argument("--csv", action="store_true", help="print CSV")
    showing = add_verb(
        verbs, "show", "show what both sides have of a SKU, and what to do about it", "tallyd skus show HW-MUG-STN-01"
    )
    showing.add_argument("sku", metavar="SKU", help="exactly as it is written, on either side")
    planning = add_verb(
        verbs, "plan", "show which products would be unpublished, and why: nothing is done", "tallyd skus plan"
    )
    planning.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many products (default 100)")
    planning.add_argument("--text", default="", metavar="TEXT", help="only with this in the name or in a SKU")
    planning.add_argument("--stands", choices=("unseen", "seen", "approved"), default="", help="only those")
    add_sort(planning, ("product_id", "name", "skus", "stands"))
    planning.add_argument("--after", default="", metavar="NEXT", help="go on where a page ended: after this product")
    planning.add_argument("--csv", action="store_true", help="print all of them as CSV")
    approving = add_verb(
        verbs,
        "approve",
        "let the products of the plan be unpublished; each is read once more before it is",
        'tallyd skus approve --reason "agreed with the range planners"',
    )
    drafting = add_verb(
        verbs,
        "draft",
        "ask for an unpublished product of items of Cin7 Core, whatever their age",
        "tallyd skus draft HW-MUG-STN-01 HW-BOWL-STN-02",
    )
    drafting.add_argument("skus", metavar="SKU", nargs="+", help="exactly as it is written in Cin7 Core")
    add_reason(approving)
    add_reason(drafting)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    match args.verb:
        case "list":
            return _list(args)
        case "show":
            return _show(args)
        case "plan":
            return _plan(args)
        case "approve":
            return act(args, "skus", "plan", "approve")
        case _:
            return _draft(args)


# -- list --------------------------------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> int:
    from adapters.operator.reading import SkuQuery
    from daemon.commands.reading import read, show
    from daemon.sku_views import sku_page

    if args.json and args.csv:
        sys.stderr.write("tallyd skus list: either --json or --csv\n")
        return 2
    filtered = bool(args.match or args.flag or args.published or args.text)
    query = SkuQuery(
        match=args.match or ("all" if filtered or args.csv else "unmatched"),
        flag=args.flag,
        published=True if args.published else None,
        text=args.text,
        sort=args.sort,
        descending=args.descending,
        after=args.after,
        limit=100 if args.limit is None else max(1, args.limit),
    )
    if args.csv:
        return _csv(args.config, query, limit=args.limit)
    found = read(args.config, lambda connection: sku_page(connection, query))
    return show(found, as_json=args.json, text=_rows if filtered else _overview)


def _csv(config: Path, query: SkuQuery, *, limit: int | None) -> int:
    """Print page by page: a large catalogue is never held as a whole."""
    from daemon.commands.reading import read
    from daemon.sku_views import sku_tables

    def unit(connection: sqlite3.Connection) -> int:
        for text in sku_tables(connection, query, most=None if limit is None else max(1, limit)):
            sys.stdout.write(text)
        return 0

    return read(config, unit)


def _overview(body: dict[str, Any]) -> str:
    counts = body["counts"]
    if not counts["ready"]:
        return "Not judged yet: Cin7 Core's items or the products of commercetools were not read whole so far."
    notes = {
        "matched": f"{_percent(counts['cin7_percent'])} of those in Cin7 Core,"
        f" {_percent(counts['commercetools_percent'])} of those in commercetools",
        "only_commercetools": f"{counts['unmatched_published']} of them published",
    }
    sides = [[words, counts[match], notes.get(match, " ")] for match, words in _WHERE.items()]
    flags = [[words, counts["flags"][flag], f"--flag {flag}"] for flag, words in _FLAGS.items()]
    lines = [table(["SKUS", "COUNT", ""], [*sides, *flags])]
    lines.append(f"\nNot matched:\n{_rows(body)}" if body["items"] else "\nEvery SKU is on both sides.")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:g} %"


def _rows(body: dict[str, Any]) -> str:
    rows = [
        [
            item["sku"],
            _WHERE[item["match"]],
            "yes" if item["published"] else "no",
            ", ".join(_FLAGS[flag] for flag in item["flags"]),
            item["suggestion"] or ", ".join(item["near"]),
        ]
        for item in body["items"]
    ]
    text = table(["SKU", "WHERE", "PUBLISHED", "FLAGS", "LOOK-ALIKES, SUGGESTION"], rows)
    return text if body["next"] is None else f"{text}\nMore: --after {body['next']}"


# -- show --------------------------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace) -> int:
    from daemon.commands.configuration import failed
    from daemon.commands.reading import show
    from daemon.sku_views import sku_view

    found = _read(args.config, lambda connection, rules: sku_view(connection, rules, args.sku))
    if found is None:
        return failed(f"neither side has the SKU {args.sku}; mind upper and lower case")
    return show(found, as_json=args.json, text=_sku)


def _sku(body: dict[str, Any]) -> str:
    lines = [f"{body['sku']}  {_WHERE[body['match']]}{', published' if body['published'] else ''}"]
    lines += [f"  {_FLAGS[flag]}" for flag in body["flags"]]
    if body["near"]:
        lines.append(f"  look-alikes: {', '.join(body['near'])}")
    if body["suggestion"]:
        lines.append(f"  {body['suggestion']}")
    for item in body["cin7"]:
        lines += ["", _facts(f"Cin7 Core item {item['item_id']}", _item_facts(item))]
    for product in body["commercetools"]:
        lines += ["", _facts(f"commercetools product {product['product_id']}", _product_facts(product))]
    for draft in body["drafts"]:
        asked = f", asked for by {draft['asked_by']}" if draft["asked_by"] else ""
        lines += ["", f"Draft {draft['draft']}: {draft['state']}{asked} ({minute(draft['at'])} UTC)"]
    if body["block"] is not None:
        block = body["block"]
        until = f"until {minute(block['until'])}" if block["until"] else "until it is unblocked"
        lines += ["", f"Its stock is blocked {until} by {block['by']}: {block['reason']}"]
    if body["exceptions"]:
        rows = [[one["id"], one["owner"], one["type"], one["cause"]] for one in body["exceptions"]]
        lines += ["", table(["EXCEPTION", "OWNER", "TYPE", "CAUSE"], rows)]
    return "\n".join(lines)


def _item_facts(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "status": f"{item['status']}, {'sellable' if item['sellable'] else 'not sellable'}",
        "type": item["type"],
        "category": item["category"],
        "family": item["family"],
        "barcode": item["barcode"],
    }


def _product_facts(product: dict[str, Any]) -> dict[str, Any]:
    by = f" by {product['modified_by']}" if product["modified_by"] else ""
    return {
        "name": product["name"],
        "key": product["key"],
        "published": "yes" if product["published"] else "no",
        "changed": f"{minute(product['modified_at'])} UTC{by}",
        "unpublished by tallyd": minute(product["unpublished_at"]) if product["unpublished_at"] else None,
        "variants": ", ".join(f"{one['variant']} ({one['version']})" for one in product["variants"]),
    }


def _facts(title: str, facts: dict[str, Any]) -> str:
    return table([title, ""], [[f"  {name}", value] for name, value in facts.items() if value])


# -- plan --------------------------------------------------------------------------------------------------------------


def _plan(args: argparse.Namespace) -> int:
    from actors.core.clock import SystemClock
    from adapters.operator.reading import PlanQuery
    from daemon.commands.reading import show
    from daemon.sku_views import plan_view

    if args.json and args.csv:
        sys.stderr.write("tallyd skus plan: either --json or --csv\n")
        return 2
    now = SystemClock().now()
    query = PlanQuery(
        text=args.text,
        stands=args.stands,
        sort=args.sort,
        descending=args.descending,
        after=args.after,
        limit=max(1, args.limit),
    )
    if args.csv:
        return _plan_csv(args.config, query, now)
    found = _read(args.config, lambda connection, rules: plan_view(connection, rules, query, now=now))
    return show(found, as_json=args.json, text=_planned)


def _plan_csv(config: Path, query: PlanQuery, now: Instant) -> int:
    import msgspec

    from daemon.sku_views import PAGE, plan_table

    def unit(connection: sqlite3.Connection, rules: CatalogueRules) -> int:
        after: str | None = query.after
        while after is not None:
            page = msgspec.structs.replace(query, after=after, limit=PAGE)
            text, after = plan_table(connection, rules, page, now=now)
            sys.stdout.write(text)
        return 0

    return _read(config, unit)


def _planned(body: dict[str, Any]) -> str:
    lines = [_headline(body)]
    if not body["switched_on"]:
        lines.append("[catalogue] unpublish_unmatched is off: nothing of this is done.")
    elif body["shadow"]:
        lines.append("[connection] mode is shadow: nothing is unpublished, it is only kept what would have been.")
    else:
        lines.append(_permission(body))
    rows = [
        [one["product_id"], one["name"], _standing(one), minute(one["modified_at"]), one["modified_by"], one["why"]]
        for one in body["items"]
    ]
    if rows:
        lines += ["", table(["PRODUCT", "NAME", "STANDING", "CHANGED (UTC)", "BY", "WHY"], rows)]
    if body["next"] is not None:
        lines.append(f"More: --after {body['next']}")
    if body["would_have"]:
        kept = [[minute(one["at"]), one["what"], one["record"], _detail(one)] for one in body["would_have"]]
        lines += ["", table(["WOULD HAVE (UTC)", "WHAT", "RECORD", ""], kept)]
    return "\n".join(lines)


def _headline(body: dict[str, Any]) -> str:
    if not body["ready"]:
        return "Not judged yet: Cin7 Core's items or the products of commercetools were not read whole so far."
    if not body["planned"]:
        return f"No published product is without a match; {body['published']} are published."
    return f"Would be unpublished, since nothing of them matches: {body['planned']} of {body['published']} products."


def _permission(body: dict[str, Any]) -> str:
    may = f"{body['allowed']} more may go today without asking ({body['share_percent']:g} % a day)"
    if not body["begun"]:
        return "Nothing goes before somebody approved a first plan: tallyd skus approve."
    if body["asks"]:
        return f"It waits for somebody: tallyd skus approve. {may}."
    return f"{may}; {body['approved']} are approved."


def _standing(one: dict[str, Any]) -> str:
    if one["approved"]:
        return "approved"
    return "waits" if one["seen"] else "to be read once more"


def _detail(one: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in one["detail"].items())


def _read(config: Path, unit: Callable[[sqlite3.Connection, CatalogueRules], T]) -> T | int:
    """Read from the file what the configuration has a say in."""
    from daemon.commands.configuration import settings_of
    from daemon.commands.reading import read
    from daemon.planning import catalogue_rules

    settings = settings_of(config)
    if isinstance(settings, int):
        return settings
    rules = catalogue_rules(settings)
    return read(config, lambda connection: unit(connection, rules))


# -- draft -------------------------------------------------------------------------------------------------------------


def _draft(args: argparse.Namespace) -> int:
    """Ask for each; one that is refused keeps no other back."""
    return max(act(args, "skus", sku, "draft") for sku in args.skus)
