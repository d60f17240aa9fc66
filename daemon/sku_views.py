"""What people read of the catalogue: how each SKU stands on both sides, one SKU with all that is known, and the plan.

Everything comes from the file. Functions take a connection and return what goes into JSON as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from actors.catalogue import matching, planning
from actors.catalogue.rules import CatalogueRules
from actors.domain.coverage import Coverage, Flag, Match, suggestion
from actors.domain.item import Item
from actors.domain.sku_form import form
from actors.domain.spreadsheet import table
from actors.domain.time import Instant, format_instant
from adapters.operator.reading import PLAN_STANDS, PlanQuery, SkuQuery
from daemon.desk.cursors import onwards, place_of, token
from daemon.instants import text_of
from daemon.views import exception_item
from storage import coverage, drafts, exceptions, items, listings, stock, would_haves
from storage.drafts import DraftRow
from storage.keyset import Place
from storage.listings import ProductRow, VariantRow

Document = dict[str, Any]

MATCHES: dict[str, tuple[Match, ...]] = {
    "all": tuple(Match),
    "unmatched": (Match.ONLY_CIN7, Match.ONLY_COMMERCETOOLS),
    **{match.value: (match,) for match in Match},
}
"""What a list can be narrowed to: by match, or to all that is on one side alone."""

COLUMNS = ("sku", "match", "flags", "published", "near", "suggestion", "item_id", "product_id")
"""The columns of the CSV file; several words in a cell stand between blanks, several SKUs on lines of their own."""

PAGE = 500
"""SKUs read at a time for a file."""

MOST_WOULD_HAVES = 100


# -- lists -------------------------------------------------------------------------------------------------------------


def sku_page(connection: sqlite3.Connection, query: SkuQuery) -> Document:
    """Return a page of SKUs, with the counts of all.

    Raises:
        ProblemError: 400, `after` is no page's `next`.
    """
    page, last, total = _listing(connection, query)
    return {
        "items": [_item(connection, one) for one in page],
        "next": _onwards(last, bare=query.sort == "sku"),
        "total": total,
        "counts": counts(connection),
    }


def sku_table(connection: sqlite3.Connection, query: SkuQuery, *, head: bool) -> tuple[str, str | None]:
    """Return a page as CSV, the names of its columns above if `head`; and where to go on."""
    page, last, _ = _listing(connection, query)
    text = table(COLUMNS, (_cells(_item(connection, one)) for one in page), head=head)
    return text, _onwards(last, bare=query.sort == "sku")


def sku_tables(connection: sqlite3.Connection, query: SkuQuery, *, most: int | None = None) -> Iterator[str]:
    """Yield the whole list as CSV, page by page; `most` rows of it."""
    after: str | None = query.after
    left, head = most, True
    while after is not None and left != 0:
        limit = PAGE if left is None else min(PAGE, left)
        text, after = sku_table(connection, msgspec.structs.replace(query, after=after, limit=limit), head=head)
        yield text
        left, head = (None if left is None else left - limit), False


def counts(connection: sqlite3.Connection) -> Document:
    """Count the SKUs of each match and flag, and how much of each side the other has too, in percent.

    `ready` false: one side was not read whole yet, and nothing was judged.
    """
    counted = coverage.counts(connection)
    matched, only_cin7, only_shop = (counted[match] for match in Match)
    held = matched - counted[Flag.MAPPED]
    return {
        "ready": matching.ready(connection),
        **{match.value: counted[match] for match in Match},
        "unmatched_published": coverage.count_unmatched_published(connection),
        "flags": {flag.value: counted[flag] for flag in Flag},
        "cin7_percent": _percent(held, held + only_cin7),
        "commercetools_percent": _percent(matched, matched + only_shop),
    }


def _percent(part: int, whole: int) -> float | None:
    """Round down: what is not whole must not read as 100."""
    return part * 1000 // whole / 10 if whole else None


def _listing(connection: sqlite3.Connection, query: SkuQuery) -> tuple[list[Coverage], Place | None, int]:
    return coverage.listing(
        connection,
        matches=MATCHES[query.match],
        flag=Flag(query.flag) if query.flag is not None else None,
        published=query.published,
        text=query.text,
        sort=query.sort,
        descending=query.descending,
        after=_place(query.after, bare=query.sort == "sku"),
        limit=query.limit,
    )


def _place(after: str, *, bare: bool) -> Place | None:
    """Return where to go on; `bare`: the list is sorted by its key, and goes on after the key itself."""
    return Place(after, after) if bare and after else place_of(after)


def _onwards(last: Place | None, *, bare: bool) -> str | None:
    return str(last.key) if bare and last is not None else onwards(token(last))


def _item(connection: sqlite3.Connection, judged: Coverage) -> Document:
    return {
        "sku": judged.sku,
        "match": judged.match.value,
        "flags": [flag.value for flag in Flag if flag in judged.flags],
        "near": list(judged.near),
        "published": judged.published,
        "item_id": judged.item_id or None,
        "product_id": judged.product_id or None,
        "suggestion": _suggestion(connection, judged),
    }


def _suggestion(connection: sqlite3.Connection, judged: Coverage) -> str:
    """Say what a SKU that only the storefront has should probably be; "" for every other."""
    if judged.match is not Match.ONLY_COMMERCETOOLS:
        return ""
    return suggestion(
        judged.sku,
        near=items.alike(connection, form(judged.sku)),
        renamed_to=items.renamed(connection, judged.sku),
        family=items.family_with_sku(connection, judged.sku),
    )


def _cells(item: Document) -> Document:
    return {
        **item,
        "flags": " ".join(item["flags"]),
        "published": "yes" if item["published"] else "no",
        "near": "\n".join(item["near"]),
    }


# -- one SKU -----------------------------------------------------------------------------------------------------------


def sku_view(connection: sqlite3.Connection, rules: CatalogueRules, sku: str) -> Document | None:
    """Return one SKU with all that either side has of it; None when neither does."""
    judged = coverage.get(connection, sku) or coverage.judge(connection, sku, mapped=sku in rules.mapped)
    if judged is None:
        return None
    held = items.with_sku(connection, sku)
    variants = listings.with_sku(connection, sku)
    keys = list(dict.fromkeys(matching.draft_key(connection, item.id) for item in held))
    products = list(dict.fromkeys(row.product_id for row in variants))
    return {
        **_item(connection, judged),
        "cin7": [_cin7(connection, item) for item in held],
        "commercetools": [_product(connection, one, variants) for one in products],
        "drafts": [_draft(row) for row in (drafts.get(connection, key) for key in keys) if row is not None],
        "block": _block(connection, sku),
        "exceptions": list(_told(connection, sku, products, keys)),
    }


def _cin7(connection: sqlite3.Connection, item: Item) -> Document:
    family_id = items.family_of(connection, item.id)
    family = items.family(connection, family_id) if family_id else None
    return {
        "item_id": item.id,
        "name": item.product.name,
        "status": item.product.status,
        "sellable": item.product.sellable,
        "type": item.product.type,
        "category": item.product.category,
        "family": family.name if family is not None else None,
        "barcode": item.barcode or None,
        "fit_at": text_of(items.fit_at(connection, item.id)),
    }


def _product(connection: sqlite3.Connection, product_id: str, variants: Iterable[VariantRow]) -> Document:
    row = listings.get(connection, product_id)
    assert row is not None  # noqa: S101 -- a variant has its product
    return {
        **_head(row),
        "tax_category": row.tax_category or None,
        "unpublished_at": text_of(row.unpublished_at),
        "variants": [
            {
                "variant": one.variant,
                "version": "staged" if one.staged else "current",
                "live": one.live,
                "prices": one.prices,
            }
            for one in variants
            if one.product_id == product_id
        ],
    }


def _head(row: ProductRow) -> Document:
    """Return a product and who changed it last: an id of the merchant's own staff or clients, "" where not read."""
    return {
        "product_id": row.id,
        "name": row.name,
        "key": row.key or None,
        "published": row.published,
        "modified_at": format_instant(row.modified_at),
        "modified_by": row.modified_by or None,
    }


def _draft(row: DraftRow) -> Document:
    return {
        "draft": row.key,
        "state": row.state,
        "product_id": row.product_id or None,
        "asked_by": row.asked_by or None,
        "at": format_instant(row.at),
    }


def _block(connection: sqlite3.Connection, sku: str) -> Document | None:
    block = stock.block_of(connection, sku)
    if block is None:
        return None
    return {"until": text_of(block.until), "reason": block.reason, "by": block.author, "at": text_of(block.at)}


def _told(
    connection: sqlite3.Connection, sku: str, products: Iterable[str], draft_keys: Iterable[str]
) -> Iterator[Document]:
    """Yield what is open about the SKU: of itself, of its products as far as they are about it, of its drafts."""
    records = [("sku", sku), *(("product", one) for one in products), *(("draft", one) for one in draft_keys)]
    for kind, record_id in records:
        for row in exceptions.of_record(connection, kind, record_id):
            if row.state == "open" and (kind != "product" or row.sku in ("", sku)):
                yield exception_item(row)


# -- the plan ----------------------------------------------------------------------------------------------------------


PLAN_COLUMNS = ("product_id", "name", "key", "skus", "why", "stands", "modified_at", "modified_by")
"""The columns of the CSV file; several SKUs stand on lines of their own."""


def plan_view(connection: sqlite3.Connection, rules: CatalogueRules, query: PlanQuery, *, now: Instant) -> Document:
    """Return what would be unpublished for want of a match, and how much of it may go without asking.

    It is the same whether unpublishing is switched on or not: the dry run.

    Raises:
        ProblemError: 400, `after` is no page's `next`.
    """
    plan = planning.plan_of(connection, rules, now=now)
    page, last, total = _plan_page(connection, plan, query)
    return {
        "switched_on": rules.enabled and rules.unpublish,
        "shadow": rules.shadow,
        "ready": matching.ready(connection),
        "begun": plan.begun,
        "asks": plan.asks,
        "planned": len(plan.products),
        "seen": len(plan.told),
        "approved": len(plan.approved),
        "allowed": plan.allowed,
        "share_percent": rules.share,
        "published": plan.published,
        "items": [_planned(connection, one, plan) for one in page],
        "next": last,
        "total": total,
        "would_have": [
            {"at": format_instant(one.at), "record": one.record, "what": one.what, "detail": one.detail}
            for one in would_haves.listing(connection, flow="catalogue", limit=MOST_WOULD_HAVES)
        ],
    }


def plan_table(
    connection: sqlite3.Connection, rules: CatalogueRules, query: PlanQuery, *, now: Instant
) -> tuple[str, str | None]:
    """Return a page as CSV, the names of its columns above the first one; and where to go on."""
    plan = planning.plan_of(connection, rules, now=now)
    page, last, _ = _plan_page(connection, plan, query)
    standing = _standing(plan)

    def cells(product_id: str) -> Document:
        item = _planned(connection, product_id, plan)
        shown = {**item, "skus": "\n".join(item["skus"]), "stands": standing[product_id]}
        return {name: shown[name] for name in PLAN_COLUMNS}

    return table(PLAN_COLUMNS, map(cells, page), head=not query.after), last


def _plan_page(
    connection: sqlite3.Connection, plan: planning.Plan, query: PlanQuery
) -> tuple[list[str], str | None, int]:
    """Return the products of a page, where to go on, and how many fit.

    The plan is worked out anew for each page, so its order is too: what a page holds is still what lies after a place.
    """
    bare = query.sort == "product_id"
    fit = sorted(_fitting(connection, plan, query), reverse=query.descending)
    place = _place(query.after, bare=bare)
    left = [one for one in fit if place is None or ((one < place) if query.descending else (one > place))]
    page = left[: query.limit]
    last = page[-1] if len(left) > len(page) else None
    return [str(one.key) for one in page], _onwards(last, bare=bare), len(fit)


def _fitting(connection: sqlite3.Connection, plan: planning.Plan, query: PlanQuery) -> Iterator[Place]:
    """Yield the products that fit, each with what it is sorted by."""
    text, standing = query.text.lower(), _standing(plan)
    for product_id, (name, skus) in listings.live_skus(connection, plan.products).items():
        stands = standing[product_id]
        if query.stands not in ("", stands) or not any(text in one.lower() for one in (name or product_id, *skus)):
            continue
        match query.sort:
            case "name":
                yield Place((name or product_id).lower(), product_id)
            case "skus":
                yield Place(" ".join(skus), product_id)
            case "stands":
                yield Place(PLAN_STANDS.index(stands), product_id)
            case _:
                yield Place(product_id, product_id)


def _standing(plan: planning.Plan) -> dict[str, str]:
    """Say how each product of the plan stands: one of `PLAN_STANDS`."""
    unseen, seen, approved = PLAN_STANDS
    return (
        dict.fromkeys(plan.products, unseen) | dict.fromkeys(plan.told, seen) | dict.fromkeys(plan.approved, approved)
    )


def _planned(connection: sqlite3.Connection, product_id: str, plan: planning.Plan) -> Document:
    row = listings.get(connection, product_id)
    assert row is not None  # noqa: S101 -- the plan is made from these rows
    live = [one for one in listings.variants_of(connection, product_id) if one.live]
    return {
        **_head(row),
        "skus": [one.sku for one in live if one.sku],
        "why": "; ".join(_why(connection, one) for one in live),
        "seen": product_id in plan.told,
        "approved": product_id in plan.approved,
    }


def _why(connection: sqlite3.Connection, variant: VariantRow) -> str:
    if not variant.sku:
        return f"variant {variant.variant} has no SKU"
    judged = coverage.get(connection, variant.sku)
    return f"{variant.sku}: {_suggestion(connection, judged) if judged is not None else 'not judged yet'}"
