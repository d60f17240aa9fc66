"""The operating model: one page to sign, made of the configuration in force and of the catalogue, and of nothing else.

Who masters what, what sets each flow off and how often, what is switched on, who may do what, who owns every exception,
when somebody is called, how long what is kept. Its hash is the SHA-256 of the text: the same configuration gives the
same hash after every start, another one another. No secret is on it; of a channel only its kind.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from actors.domain.alerting import THRESHOLDS
from actors.domain.exception_life import DUE
from actors.domain.exception_types import CATALOGUE, Owner, Severity
from adapters.console import permits
from adapters.operator.access import CATALOGUE_ROLES, FLOW_ROLES, STOCK_ROLES
from adapters.operator.patch_api import PERSONAL_ROLES
from daemon.secrets import CREDENTIAL_PREFIX, ROLES
from daemon.settings import OwnerSettings, Settings

Row = tuple[str, ...]

WIDTH = 118
"""Columns of the text: a page on its side, or a terminal."""

NARROWEST = 30
"""Columns the last cell of a row has at least, however long the others are: then the line is longer than the page."""

_ON, _OFF = "on", "OFF"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the page."""

    title: str
    columns: Row
    rows: tuple[Row, ...]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The page: `text` is what the hash is of, `signatures` what stands below it and is filled in by hand."""

    hash: str
    text: str
    signatures: str
    sections: tuple[Section, ...]


def operating_model(settings: Settings) -> Model:
    """Return the page for a configuration."""
    sections = (
        _connection(settings),
        _masters(settings),
        _triggers(settings),
        _switches(settings),
        _stock(settings),
        _names(settings),
        _permissions(settings),
        _owners(settings),
        _exceptions(),
        _alerts(settings),
        _kept(settings),
    )
    text = _text(f"Operating model of {settings.connection.name}", sections)
    return Model(
        hash=hashlib.sha256(text.encode()).hexdigest(), text=text, signatures=_signatures(settings), sections=sections
    )


def model_document(settings: Settings) -> dict[str, Any]:
    """Return the page as JSON shows it."""
    document: dict[str, Any] = msgspec.to_builtins(operating_model(settings))
    return document


# -- the sections -----------------------------------------------------------------------------------------------------


def _connection(settings: Settings) -> Section:
    connection, orders = settings.connection, settings.orders
    rows = (
        ("connection", connection.name),
        ("mode", "SHADOW: nothing is written, every write is recorded" if connection.shadow else "live"),
        ("commercetools project", settings.commercetools.project_key),
        ("Cin7 Core account", settings.cin7.account_id),
        ("orders since", f"{orders.since} (older ones are counted and shown, never posted)"),
        ("time zone of the books", connection.time_zone or "as Cin7 Core reports it"),
        ("sales are booked to", _customer(settings)),
        ("location of a sale", _location(settings)),
    )
    return Section(title="What is connected", columns=("What", "As configured"), rows=rows)


def _customer(settings: Settings) -> str:
    customer = settings.orders.customer
    if customer.mode == "single":
        return f"one customer: {customer.name}"
    return f"a customer for each buyer, made after {customer.name}"


def _location(settings: Settings) -> str:
    split = settings.orders.split_location
    return f"{settings.orders.location}; " + (f"split orders: {split}" if split else "split orders are held")


def _masters(settings: Settings) -> Section:
    books = "invoices, payments and credit notes of its own sales" if settings.finance.posting != "off" else "nothing"
    rows = (
        ("items, SKUs, costs", "Cin7 Core", "reads them"),
        ("stock, purchases, landed cost", "Cin7 Core", "reads them"),
        ("tax rules, accounts, the books", "Cin7 Core", f"reads them; posts {books}"),
        ("sales", "Cin7 Core", "makes one sale for one order, and the customers it needs; voids it when cancelled"),
        ("product content, prices", "commercetools", f"reads them; {_products(settings)}"),
        ("carts, orders, captured money", "commercetools", "reads them; marks an order that is a sale"),
        ("figures the storefront sells from", "Cin7 Core", "writes inventory entries from what Cin7 Core has"),
        ("shipments, tracking, returns", "Cin7 Core", "shows on the order what the warehouse did"),
    )
    return Section(title="Who masters what", columns=("Data", "Master", "What tallyd does with it"), rows=rows)


def _products(settings: Settings) -> str:
    catalogue = settings.catalogue
    done = [
        *(["makes unpublished drafts of new items"] if catalogue.create_drafts else []),
        *(["unpublishes products without an item"] if catalogue.unpublish_unmatched else []),
    ]
    return " and ".join(done) if done and catalogue.enabled else "writes nothing"


def _triggers(settings: Settings) -> Section:
    intake, orders, stock = settings.intake, settings.orders, settings.stock
    refresh = _span(orders.refresh_seconds)
    sweep = _span(intake.sweep_seconds)
    rows = (
        (
            "intake",
            _doors(settings),
            f"looks every {_span(intake.hot_seconds)}; reads all that changed every {sweep}, and everything open once"
            " a day",
        ),
        ("orders", _trigger(settings), f"at once; tries again after {_retries()}"),
        (
            "stock",
            "a change in Cin7 Core, an order, a purchase",
            f"at once; everything within {_span(stock.snapshot_seconds)}, or as the calls allow; the storefront's"
            f" entries every {sweep}",
        ),
        ("fulfilment", "a sale that moved in Cin7 Core", f"at once; sales that moved are read every {sweep}"),
        ("finance", _posted_when(settings), "at once; every order is gone through every 15 minutes"),
        (
            "catalogue",
            "an item or a product that changed",
            f"Cin7 Core every {refresh}, all of it once a day; the storefront every {sweep}, all of it every 6 hours",
        ),
        ("procurement", "a purchase that changed", f"every {refresh}, all of them once a day"),
        ("census", "the clock", f"both sides are counted every {_span(intake.census_seconds)} and at midnight"),
        ("desk", "what people ask for; an exception", f"at once; the digest {_digest(settings)}"),
    )
    return Section(title="What sets it off, and how often", columns=("Flow", "Set off by", "How often"), rows=rows)


def _doors(settings: Settings) -> str:
    intake = settings.intake
    named = {
        "SQS": intake.sqs,
        "SNS": intake.sns,
        "Pub/Sub": intake.pubsub,
        "Event Grid": intake.eventgrid,
        "Cin7 Core webhooks": intake.cin7_webhooks or None,
    }
    doors = [name for name, configured in named.items() if configured is not None]
    return f"events through {', '.join(doors)}; sweeps" if doors else "sweeps alone: no door is configured"


def _trigger(settings: Settings) -> str:
    trigger, hold = settings.orders.trigger, settings.orders.hold_seconds
    parts = [f"an order that is {' or '.join(trigger.order_states)}"]
    parts += [] if trigger.payment == "any" else [trigger.payment]
    parts += [f"in state {' or '.join(trigger.states)}"] if trigger.states else []
    wait = f"; it waits {_span(hold)} first" if hold else ""
    stores = settings.orders.exclude_stores
    return ", ".join(parts) + wait + (f"; stores left out: {', '.join(stores)}" if stores else "")


def _retries() -> str:
    return "2 s, 5 s, 15 s, 1 min and 5 min"


def _posted_when(settings: Settings) -> str:
    invoice = "each shipment" if settings.finance.invoice == "shipped" else "a sale that agrees with its order"
    return {
        "off": "a sale, to be compared: posting is the merchant's",
        "hold": f"{invoice}, once a person releases it",
        "auto": f"{invoice}, once it agrees to the cent",
    }[settings.finance.posting]


def _digest(settings: Settings) -> str:
    return f"at {settings.alerts.digest_at}" if settings.alerts.digest_at else "is not sent by itself"


def _switches(settings: Settings) -> Section:
    catalogue, finance, fulfilment, stock = settings.catalogue, settings.finance, settings.fulfilment, settings.stock
    share = f"{catalogue.unpublish_share_percent:g} % of what is published"
    tolerance = finance.tolerance_minor_units
    rows = (
        ("making sales of orders", _switch(settings.orders.enabled), "orders.enabled"),
        ("publishing stock", _switch(stock.enabled), "stock.enabled"),
        ("showing shipments", _switch(fulfilment.enabled), f"from {fulfilment.publish_from} on"),
        ("completing orders", _switch(fulfilment.complete != "never"), fulfilment.complete),
        ("cancelling orders whose sale was voided", _switch(fulfilment.cancel_voided), "else a person is told"),
        ("comparing both catalogues", _switch(catalogue.enabled), "catalogue.enabled"),
        ("drafts of new items", _switch(catalogue.create_drafts), "unpublished; a person publishes"),
        ("unpublishing what has no item", _switch(catalogue.unpublish_unmatched), f"more than {share}: a person"),
        ("posting to the books", _switch(finance.posting != "off"), finance.posting),
        ("credit notes for refunds", _switch(finance.refunds == "credit-note"), finance.refunds),
        ("a second person for held money", _switch(finance.four_eyes), "finance.four_eyes"),
        ("a difference that counts as none", _switch(tolerance > 0), f"{tolerance} minor units"),
        ("looking after purchases", _switch(settings.procurement.enabled), _purchases(settings)),
    )
    return Section(title="What is switched on", columns=("What", "State", "How"), rows=rows)


def _purchases(settings: Settings) -> str:
    chosen = settings.procurement
    return f"margin below {chosen.margin_floor_percent} %; no invoice after {chosen.invoice_after_days} days"


def _switch(on: bool) -> str:
    return _ON if on else _OFF


def _stock(settings: Settings) -> Section:
    stock = settings.stock
    kept = {**stock.buffers, **{f"channel {name}": units for name, units in stock.channel_buffers.items()}}
    stale = {"keep": "keeps its figure", "zero": "goes to 0", "buffer": f"keeps {stock.stale_buffer} more back"}
    rows = (
        ("kept back everywhere", f"{stock.buffer} units"),
        ("kept back besides", _pairs(kept)),
        ("a figure is raised", f"by the lowest of the last {stock.increase_after_readings} readings"),
        ("what is too old", f"after {_span(stock.max_age_seconds)} a figure {stale[stock.stale_policy]}; ops is told"),
        (
            "a reading that empties the shop",
            f"stops above {stock.mass_zero_percent:g} % of the SKUs (and {stock.mass_zero_least} SKUs): a person",
        ),
        ("kits", "follow their parts" if stock.kits == "components" else "are left alone"),
        ("sold below zero", ", ".join(stock.oversell_ok) or "nothing"),
    )
    return Section(title="How stock is shown", columns=("What", "How"), rows=rows)


def _pairs(units: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count}" for name, count in units.items()) or "nothing"


def _names(settings: Settings) -> Section:
    """Every row of [mappings], so that a tax that is mapped otherwise is another page."""
    return Section(
        title="What is called what",
        columns=("What", "In commercetools", "In Cin7 Core"),
        rows=(*_outwards(settings), *_inwards(settings)),
    )


def _outwards(settings: Settings) -> Iterator[Row]:
    """Yield what goes from commercetools to Cin7 Core."""
    mappings, orders = settings.mappings, settings.orders
    charges = (
        ("shipping", orders.shipping_charge),
        ("discount", orders.discount_charge),
        ("rounding", orders.rounding_charge),
        ("money back for no item", settings.finance.refund_charge),
    )
    yield from (("tax", key, rule) for key, rule in mappings.tax.items())
    yield from (("channel", key or "(none)", ", ".join(places)) for key, places in mappings.channels.items())
    yield from (("charge", name, product or "(none)") for name, product in charges)
    for slug, charge in mappings.charges.items():
        yield "custom line", slug, f"{charge.product} (paid with)" if charge.tender else charge.product
    yield from (("gift card", key, product) for key, product in mappings.gift_cards.items())
    yield from (("payment", key, account) for key, account in mappings.payments.items())
    yield from (("currency", key, f"{it.customer}, rate {it.rate}") for key, it in mappings.currencies.by_code.items())
    yield from (("shipping method", key, carrier) for key, carrier in mappings.shipping.items())
    yield from (("custom field", key, field) for key, field in mappings.fields.items())


def _inwards(settings: Settings) -> Iterator[Row]:
    """Yield what goes from Cin7 Core to commercetools."""
    mappings = settings.mappings
    yield from (("carrier", shown, name) for name, shown in mappings.carriers.items())
    yield from (("product type", key, category) for category, key in mappings.product_types.items())
    yield from (("tax category", key, rule) for rule, key in mappings.tax_categories.items())
    yield from (("attribute", key, field) for field, key in mappings.attributes.items())


def _permissions(settings: Settings) -> Section:
    second = "; with a second person" if settings.finance.four_eyes else ""
    rows = (
        ("read everything but people's data", _roles(ROLES)),
        ("read people's data of an order", _roles(PERSONAL_ROLES)),
        ("assign an exception, let it rest", _roles(permits.ACTING)),
        ("have it tried again", "its owner, it, admin"),
        ("release or dismiss it", "its owner, admin"),
        ("release or dismiss money", _roles(permits.MONEY) + second),
        ("correct texts of an order", _roles(permits.ROLES["edit"])),
        ("map taxes, charges, payments, gift cards", _roles(permits.ROLES["tax"])),
        ("map shipping methods, carriers", _roles(permits.ROLES["shipping"])),
        ("block a SKU, let units go", _roles(STOCK_ROLES)),
        ("let products be unpublished, ask for drafts", _roles(CATALOGUE_ROLES)),
        ("pause and resume a flow", _roles(FLOW_ROLES)),
        ("begin and end maintenance", _roles(permits.MACHINE)),
        ("all of it", "admin; on the machine itself whoever may open the control socket, under their own name"),
    )
    return Section(title="Who may do what", columns=("What", "Roles"), rows=rows)


def _roles(roles: Collection[str]) -> str:
    return ", ".join(role for role in ROLES if role in roles)


def _owners(settings: Settings) -> Section:
    return Section(
        title="Who answers",
        columns=("Owner", "Who", "Called through"),
        rows=tuple((owner.value, *_person(_owner_of(settings, owner))) for owner in Owner),
    )


def _owner_of(settings: Settings, owner: Owner) -> OwnerSettings | None:
    person: OwnerSettings | None = getattr(settings.owners, owner.value)
    return person


def _person(person: OwnerSettings | None) -> tuple[str, str]:
    if person is None:
        return "NOBODY IS NAMED", "nothing"
    kinds = dict.fromkeys(_kind(channel) for channel in person.channels)
    return person.name, ", ".join(kinds) or "nothing: the console alone"


def _kind(channel: str) -> str:
    """Name the kind of a channel and no more: the rest of it may be a secret, or an address."""
    if channel.startswith(CREDENTIAL_PREFIX):
        return f"the credential {channel.removeprefix(CREDENTIAL_PREFIX)}"
    return channel.partition(":")[0]


def _exceptions() -> Section:
    """One row for an owner, a severity, and whether the record is held: every type stands on exactly one."""
    rows = [
        (owner.value, severity.value, _span(DUE[severity] / 1000), _HOLDS[holds], ", ".join(codes))
        for owner in Owner
        for severity in reversed(Severity)
        for holds in (True, False)
        if (codes := sorted(_codes(owner, severity, holds)))
    ]
    columns = ("Owner", "Severity", "Due within", "The record", "Types of exception")
    return Section(title="Who owns every exception", columns=columns, rows=tuple(rows))


_HOLDS = {True: "is held", False: "goes on"}


def _codes(owner: Owner, severity: Severity, holds: bool) -> Iterator[str]:
    for kind in CATALOGUE.values():
        if (kind.owner, kind.severity, kind.holds) == (owner, severity, holds):
            yield kind.code


def _alerts(settings: Settings) -> Section:
    alerts = settings.alerts
    rows = [
        (name, _figure(alerts.thresholds.get(name, threshold.default)), threshold.unit, threshold.meaning)
        for name, threshold in THRESHOLDS.items()
    ]
    to = ", ".join(_kind(one) for one in alerts.escalate_to) or "nobody"
    meaning = f"A critical alert that stands so long goes to {to} too; any other past its due time."
    rows.append(("escalation", f"{alerts.escalate_after_minutes}", "minutes", meaning))
    rows.append(("quiet hours", alerts.quiet_hours or "none", "", "Only what is critical calls somebody meanwhile."))
    planned = f" Planned: {', '.join(alerts.maintenance)}." if alerts.maintenance else ""
    figure = f"{len(alerts.maintenance)}" if alerts.maintenance else "none planned"
    rows.append(("maintenance", figure, "", f"Nobody is called meanwhile.{planned}"))
    columns = ("Somebody is called at", "Figure", "Unit", "What is counted")
    return Section(title="When somebody is called", columns=columns, rows=tuple(rows))


def _figure(value: float) -> str:
    return f"{value:g}" if value else "never"


def _kept(settings: Settings) -> Section:
    storage = settings.storage
    rows = (
        ("an order's timeline", f"{storage.retain_days} days"),
        ("people's data (names, addresses), encrypted", f"{storage.retain_bodies_days} days"),
        ("what people did (the audit)", "for good; each row is chained to the one before"),
        ("mappings made at the desk", "for good; they go over this configuration, and the audit names their author"),
    )
    return Section(title="How long what is kept", columns=("What", "How long"), rows=rows)


def _span(seconds: float) -> str:
    """Write a duration as people say it."""
    for unit, size in (("days", 86400), ("hours", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit if count > 1 else unit.removesuffix('s')}"
    return f"{seconds:g} s"


# -- as text ----------------------------------------------------------------------------------------------------------


def _text(title: str, sections: Sequence[Section]) -> str:
    parts = [title, "=" * len(title)]
    for number, section in enumerate(sections, 1):
        parts += ["", f"{number}. {section.title}", "", *_table(section)]
    return "\n".join(parts) + "\n"


def _table(section: Section) -> Iterator[str]:
    """Yield the lines of a table; the last column gets what the others leave, and is wrapped."""
    rows = (section.columns, *section.rows)
    widths = [max(len(row[index]) for row in rows) for index in range(len(section.columns) - 1)]
    left = sum(widths) + 2 * len(widths) + 2
    for row in rows:
        wrapped = textwrap.wrap(row[-1], max(WIDTH - left, NARROWEST)) or [""]
        cells = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        yield f"  {cells}{wrapped[0]}".rstrip()
        yield from (" " * left + line for line in wrapped[1:])


def _signatures(settings: Settings) -> str:
    lines = []
    for owner in Owner:
        person = _owner_of(settings, owner)
        name = person.name if person is not None else ""
        lines.append(f"  {owner.value:<10} {name:<28} date ______________  signature ______________________________")
    return "\n".join(["Agreed by", "", *lines]) + "\n"
