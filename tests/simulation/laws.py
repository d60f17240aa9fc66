"""The laws, checked on the doubles' own books: nothing here asks the daemon what it believes it did."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from actors.domain.webhook import NEEDED
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.cin7_webhooks import Webhook
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.postman import Postman
from adapters.sandbox.product_rules import variants_of
from storage import bodies, census, exceptions
from storage.bodies import Sealer
from storage.listed_sales import order_of
from tests.simulation.senders import Senders, body_of
from tests.simulation.world import World


def minor(money: dict[str, Any]) -> Decimal:
    """A commercetools money as a decimal amount."""
    return Decimal(money["centAmount"]).scaleb(-money["fractionDigits"])


def sale_of(world: World, order: dict[str, Any]) -> list[Any]:
    """Every live sale that carries the order's reference, however it got there."""
    return [
        sale
        for sale in world.cin7.live_sales()
        if sale.reference == order["orderNumber"] or (sale.external_id or "").startswith(f"ct-order:{order['id']}")
    ]


def assert_sale_equals_order(order: dict[str, Any], sale: Any) -> None:
    """Component by component and cent by cent: quantities per SKU, net, tax per rate, gross, shipping."""
    number = order["orderNumber"]
    ordered: Counter[str] = Counter()
    for line in order["lineItems"]:
        ordered[line["variant"]["sku"]] += line["quantity"]
    sold = {line.sku: int(line.quantity) for line in sale.lines}
    assert sold == ordered, f"{number}: {sold} sold, {ordered} ordered"
    assert len(sale.lines) == len(ordered), f"{number}: a SKU stands twice"
    taxed = order["taxedPrice"]
    net, gross = minor(taxed["totalNet"]), minor(taxed["totalGross"])
    assert (sale.net, sale.tax, sale.total) == (net, gross - net, gross), (
        f"{number}: sale {sale.net}+{sale.tax}={sale.total}, order {net}+{gross - net}={gross}"
    )
    taxes: dict[str, Decimal] = dict.fromkeys(RULE_OF_RATE.values(), Decimal(0))
    for portion in taxed["taxPortions"]:
        taxes[RULE_OF_RATE[Decimal(str(portion["rate"]))]] += minor(portion["amount"])
    booked = dict.fromkeys(taxes, Decimal(0))
    for row in [*sale.lines, *sale.charges]:
        booked[row.tax_rule] += row.tax
    assert booked == taxes, f"{number}: taxes {booked} booked, {taxes} owed"
    _assert_shipping(order, sale)


RULE_OF_RATE = {
    Decimal("0.2"): "20% (VAT on Income)",
    Decimal("0.05"): "5% (VAT on Income)",
    Decimal(0): "Zero Rated Income",
}


def _assert_shipping(order: dict[str, Any], sale: Any) -> None:
    info = order.get("shippingInfo")
    booked = sum((charge.total for charge in sale.charges if charge.description == "Shipping"), Decimal(0))
    side = "totalGross" if sale.tax_inclusive else "totalNet"
    owed = minor(info["taxedPrice"][side]) if info is not None else Decimal(0)
    assert booked == owed, f"{order['orderNumber']}: shipping {booked} booked, {owed} owed"


def assert_exactly_once(world: World, *, without: frozenset[str] = frozenset()) -> int:
    """L2 and L5: every order not named has exactly one live sale equal to it, and no other exists. Return how many."""
    wanted = {order_id: order for order_id, order in world.shop.orders.items() if order_id not in without}
    live = world.cin7.live_sales()
    for order in wanted.values():
        if order["orderState"] == "Cancelled":
            assert not sale_of(world, order), f"{order['orderNumber']} was cancelled and has a live sale"
            continue
        sales = sale_of(world, order)
        assert len(sales) == 1, f"{order['orderNumber']}: {len(sales)} live sales, kills {world.kills}"
        assert_sale_equals_order(order, sales[0])
        assert sales[0].order_status == "AUTHORISED"
        marks = [mark for mark in order["syncInfo"] if mark.get("externalId", "").lower() == sales[0].id.lower()]
        assert len(marks) == 1, f"{order['orderNumber']}: {len(marks)} marks"
    open_orders = [order for order in wanted.values() if order["orderState"] != "Cancelled"]
    assert len(live) == len(open_orders), f"{len(live)} live sales for {len(open_orders)} orders"
    return len(live)


def deliveries_off(cin7: Cin7Double, shop: CommercetoolsDouble) -> list[str]:
    """Say of which orders the storefront shows something else as sent than left the warehouse, or a parcel twice."""
    shipped: Counter[str] = Counter()
    for sale in cin7.sales:
        shipped[order_of(sale.external_id or "")] += int(sum(cin7.shipped(sale.id).values()))
    off = []
    for order_id, order in shop.orders.items():
        delivered, parcels = sum(shop.delivered(order_id).values()), shop.parcels(order_id)
        ways = "shippingInfo" in order or order.get("shipping")
        if ways and delivered != shipped[order_id]:
            off.append(f"{order.get('orderNumber')}: {delivered} delivered, {shipped[order_id]} shipped")
        if len({key for _, key, _ in parcels}) != len(parcels):
            off.append(f"{order.get('orderNumber')}: a parcel twice")
    return off


def assert_within_the_limit(world: World) -> None:
    """L3: as Cin7 saw it."""
    worst = world.cin7.worst_window()
    assert worst.sliding <= 60, worst
    assert worst.fixed <= 60, worst


def assert_nothing_silent(world: World) -> None:
    """L6: every order that is held or in doubt has an open exception; every quarantined message too."""
    held = world.read(
        lambda connection: connection.execute(
            "SELECT id FROM orders WHERE state = 'held' AND NOT EXISTS (SELECT 1 FROM exceptions"
            " WHERE record_kind = 'order' AND record_id = orders.id AND state = 'open')"
        ).fetchall()
    )
    assert not held, held


def assert_one_state_each(world: World) -> None:
    """L1: the daemon knows exactly the orders the shop ever took."""
    known = {row[0] for row in world.read(lambda connection: connection.execute("SELECT id FROM orders").fetchall())}
    taken = {*world.shop.orders, *world.shop.deleted_orders}
    assert known == taken, f"not known {sorted(taken - known)}, not there {sorted(known - taken)}"


def assert_every_event_once(world: World, senders: Senders) -> None:
    """Whatever the queue was given was accepted, each event once, however often it was brought."""
    world.read(lambda connection: check_events(connection, senders.postman))


def check_events(connection: sqlite3.Connection, postman: Postman) -> None:
    """Hold the events of door sqs against what the post took and did not lose."""
    rows = connection.execute("SELECT identity FROM notifications WHERE door = 'sqs'").fetchall()
    accepted, sent = {row[0] for row in rows}, postman.taken - postman.lost
    assert accepted == sent, f"not accepted {sorted(sent - accepted)}, never sent {sorted(accepted - sent)}"


def assert_the_unreadable_is_told(world: World, senders: Senders) -> None:
    """Each notification that makes no sense is one exception, with its body, sealed."""
    world.read(lambda connection: check_unreadable(connection, senders.postman, Sealer(world.plan.storage_key)))


def check_unreadable(connection: sqlite3.Connection, postman: Postman, sealer: Sealer) -> None:
    """Hold the unreadable notifications told of against what the post garbled."""
    bodies_sent = [body_of(letter.payload) for letter in postman.letters if letter.kind == "malformed"]
    garbled = {_digest(body): body for body in bodies_sent}
    rows = exceptions.listing(connection, kind="notification_unreadable", limit=len(garbled) + 1)
    assert sorted(row.record.id for row in rows) == sorted(garbled), f"{len(rows)} told of {len(garbled)}"
    for digest, body in garbled.items():
        sealed = bodies.get(connection, digest, "notification")
        assert sealed is not None, f"no body of {digest}"
        assert sealer.open(sealed, order_id=digest, kind="notification") == body


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def assert_webhooks_stand(world: World, senders: Senders, strangers: Sequence[Webhook]) -> None:
    """One active webhook of ours a type, and those of others as they were."""
    ours = Counter(hook.type for hook in senders.ours() if hook.active)
    assert ours == Counter(NEEDED), f"webhooks {ours}"
    others = [hook for hook in senders.hooks.values() if hook not in senders.ours()]
    assert others == list(strangers), f"others' webhooks {others}"


def assert_both_sides_agree(world: World) -> None:
    """L1: the last census found as many orders there as here, and nothing else."""
    counted = world.daemon.counted()
    assert counted["commercetools"] == counted["tallyd"], counted
    found = sorted(set(world.daemon.open_types()) & set(census.FOUND))
    assert not found, f"the census found {found}: {counted}"


def stock_off(cin7: Cin7Double, shop: CommercetoolsDouble) -> dict[str, tuple[int | None, int]]:
    """Return the SKUs whose entry does not show what Cin7 Core has available (and nothing is on its way)."""
    books = cin7.books
    place = books.locations[0]
    waiting: Counter[str] = Counter()
    for sale in cin7.sales:
        if sale.authorised and not sale.voided:
            waiting.update({line.product_id: int(line.backordered) for line in sale.lines})
    off = {}
    for product in books.products:
        if product.type != "Stock":
            continue
        right = max(0, int(books.available(product.id, place.id)) - waiting[product.id])
        try:
            shown: int | None = shop.stock(product.sku)
        except KeyError:
            shown = None
        if shown != right and not (shown is not None and shown < 0 and right == 0):
            off[product.sku] = (shown, right)
    return off


def catalogue_off(shop: CommercetoolsDouble, barcodes: Mapping[str, str], strangers: Collection[str]) -> list[str]:
    """Say which SKUs have no product that shows their barcode, and which products without an item are still up."""
    shown = {sku: barcode_of(shop, sku) for sku in barcodes}
    off = [
        f"{sku}: {shown[sku] or 'no'} barcode, not {barcode}"
        for sku, barcode in barcodes.items()
        if shown[sku] != barcode
    ]
    return off + [f"{product} is published" for product in strangers if shop.is_published(product)]


def barcode_of(shop: CommercetoolsDouble, sku: str) -> str:
    """The barcode the product of a SKU shows, as it is staged; "" where there is none."""
    product_id = shop.product_of(sku)
    if product_id is None:
        return ""
    variants = variants_of(shop.products[product_id]["masterData"]["staged"])
    attributes = next(one for one in variants if one.get("sku") == sku).get("attributes", [])
    return str(next((one["value"] for one in attributes if one["name"] == "barcode"), ""))


def assert_one_product_each(cin7: Cin7Double, shop: CommercetoolsDouble) -> int:
    """L2: each product that was made is of one item, no item has two, and none is published. Return how many."""
    items = {f"cin7-{item.id}": item.sku for item in cin7.books.products}
    made = [one for one in shop.products.everything() if _is_program(one["createdBy"])]
    for product in made:
        assert shop.skus_of(product["id"], staged=True) == [items[product["key"]]], (
            f"{product['key']} is of other items"
        )
        assert not shop.is_published(product["id"]), f"{product['key']} was published"
    owners = Counter(product["key"] for product in made)
    assert set(owners.values()) <= {1}, f"several products of one item: {owners}"
    return len(made)


def assert_people_keep_their_products(cin7: Cin7Double, shop: CommercetoolsDouble) -> int:
    """What people made is written only to take it down, and only where no item is behind it. Return how many."""
    sold = {item.sku for item in cin7.books.products}
    written = [
        product
        for product in shop.products.everything()
        if not _is_program(product["createdBy"]) and _is_program(product["lastModifiedBy"])
    ]
    for product in written:
        assert not product["masterData"]["published"], f"{product['id']} was written and is published"
        assert not sold & set(shop.skus_of(product["id"])), f"{product['id']} was taken down and has an item"
    return len(written)


def assert_names_kept(shop: CommercetoolsDouble, names: Mapping[str, str]) -> None:
    """What people called a draft, by product, it is still called."""
    called = {product: shop.products[product]["masterData"]["staged"]["name"]["en-GB"] for product in names}
    assert called == names


def assert_no_stranger_silent(world: World) -> None:
    """Each SKU that is published has an item, or an open exception names it."""
    sold = {item.sku for item in world.cin7.books.products}
    told = {row.sku for row in world.daemon.open_exceptions() if row.type == "product_unmatched"}
    shop = world.shop
    up = {sku for product in shop.products if shop.is_published(product) for sku in shop.skus_of(product)}
    assert up - sold == told, f"silent {sorted(up - sold - told)}, told for nothing {sorted(told - (up - sold))}"


def _is_program(author: Mapping[str, Any]) -> bool:
    return not author["isPlatformClient"]
