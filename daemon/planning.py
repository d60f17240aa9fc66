"""Brings settings and secrets down to what the engine runs on: pure, and the only place that knows both spellings."""

from __future__ import annotations

import msgspec

from actors.catalogue.rules import CatalogueRules
from actors.domain.calls import Lane
from actors.domain.delivering import DeliveryRules
from actors.domain.drafting import DraftRules
from actors.domain.mapped import MappingKind, Mappings
from actors.domain.posting import ChargeRule, Charges, CurrencyRule, PostingRules
from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import DoorRules, SweepRules
from actors.orders.rules import ExportRules, Trigger
from actors.procurement.rules import ProcurementRules
from actors.stock.rules import StockRules
from daemon.engine import Plan
from daemon.settings import ChargeMapping, Settings

DAY_MS = 86_400_000


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def plan_of(
    settings: Settings, *, client_secret: str, application_key: str, storage_key: bytes, webhook_token: str = ""
) -> Plan:
    """Return the engine's plan."""
    cin7, shop = settings.cin7, settings.commercetools
    return Plan(
        name=settings.connection.name,
        export=export_rules(settings),
        posting=posting_rules(settings),
        sweeps=SweepRules(
            since=settings.orders.since_instant,
            hot=_ms(settings.intake.hot_seconds),
            complete=_ms(settings.intake.sweep_seconds),
            trail=_ms(settings.intake.sweep_trail_seconds),
            overlap=_ms(settings.intake.sweep_overlap_seconds),
            first=frozenset(settings.orders.first.shipping),
        ),
        refresh=_ms(settings.orders.refresh_seconds),
        concurrency=settings.orders.concurrency,
        missed_after=_ms(settings.orders.missed_after_seconds),
        calls_per_minute=cin7.calls_per_minute,
        max_in_flight=cin7.max_in_flight,
        shares={
            Lane.FULFILMENT: cin7.shares.fulfilment,
            Lane.FINANCE: cin7.shares.finance,
            Lane.STOCK: cin7.shares.stock,
            Lane.CATALOGUE: cin7.shares.catalogue,
            Lane.BACKFILL: cin7.shares.backfill,
        },
        reserve=cin7.reserve,
        timeout_seconds=cin7.timeout_seconds,
        cin7_url=cin7.base_url,
        cin7_account=cin7.account_id,
        cin7_key=application_key,
        ct_project=shop.project_key,
        ct_api_url=shop.api_url,
        ct_auth_url=shop.auth_url,
        ct_client_id=shop.client_id,
        ct_client_secret=client_secret,
        ct_max_in_flight=shop.max_in_flight,
        storage_key=storage_key,
        retain_bodies=settings.storage.retain_bodies_days * DAY_MS,
        orders_enabled=settings.orders.enabled,
        stock=stock_rules(settings),
        catalogue=catalogue_rules(settings),
        fulfilment=fulfilment_rules(settings),
        finance=finance_rules(settings),
        procurement=procurement_rules(settings),
        doors=door_rules(settings),
        public_url=settings.intake.public_url or "",
        webhook_token=webhook_token,
        census=_ms(settings.intake.census_seconds),
    )


def door_rules(settings: Settings) -> DoorRules:
    """Which doors are configured, and what is expected of them."""
    intake = settings.intake
    configured = {
        "sqs": intake.sqs is not None,
        "sns": intake.sns is not None,
        "pubsub": intake.pubsub is not None,
        "eventgrid": intake.eventgrid is not None,
        "cin7": intake.cin7_webhooks,
    }
    return DoorRules(
        names=frozenset(name for name, wanted in configured.items() if wanted),
        project=settings.commercetools.project_key,
        grace=_ms(intake.push_grace_seconds),
        silent=_ms(intake.push_silent_seconds),
        floor=intake.silence_floor,
        most_waiting=intake.most_waiting,
        subscription=intake.subscription or "",
        time_zone=settings.connection.time_zone or "",
    )


def stock_rules(settings: Settings) -> StockRules:
    """How availability is published."""
    stock = settings.stock
    channels = {key: tuple(names) for key, names in settings.mappings.channels.items()}
    return StockRules(
        channels={"": (settings.orders.location,)} | channels,
        enabled=stock.enabled,
        snapshot=_ms(stock.snapshot_seconds),
        buffer=stock.buffer,
        buffers=dict(stock.buffers),
        channel_buffers=dict(stock.channel_buffers),
        wanted=stock.increase_after_readings,
        trueup_max=_ms(stock.trueup_max_seconds),
        kits=stock.kits == "components",
        below_zero=frozenset(stock.oversell_ok),
        gift_cards=frozenset(settings.mappings.gift_cards),
        max_age=_ms(stock.max_age_seconds),
        stale_policy=stock.stale_policy,
        stale_buffer=stock.stale_buffer,
        mass_zero_percent=stock.mass_zero_percent,
        mass_zero_least=stock.mass_zero_least,
        create_missing=stock.create_missing,
        sweep=_ms(settings.intake.sweep_seconds),
        concurrency=stock.concurrency,
        retain=settings.storage.retain_days * DAY_MS,
        shadow=settings.connection.shadow,
    )


def fulfilment_rules(settings: Settings) -> FulfilmentRules:
    """What of the warehouse's work the storefront sees."""
    chosen = settings.fulfilment
    return FulfilmentRules(
        delivery=DeliveryRules(
            publish_from=chosen.publish_from, complete=chosen.complete, carriers=dict(settings.mappings.carriers)
        ),
        enabled=chosen.enabled,
        cancel_voided=chosen.cancel_voided,
        gift_cards=frozenset(settings.mappings.gift_cards),
        # A refund that finance makes a credit note of is nobody's to enter.
        tell_refunds=not (
            settings.finance.enabled and settings.finance.posting != "off" and settings.finance.refunds == "credit-note"
        ),
        shadow=settings.connection.shadow,
    )


def finance_rules(settings: Settings) -> FinanceRules:
    """What is posted to the books, and when."""
    chosen = settings.finance
    return FinanceRules(
        enabled=chosen.enabled,
        posting=chosen.posting,
        invoice=chosen.invoice,
        refunds=chosen.refunds,
        tolerance=chosen.tolerance_minor_units,
        four_eyes=chosen.four_eyes,
        accounts=dict(settings.mappings.payments),
        refund_charge=chosen.refund_charge,
        location=settings.orders.location,
        shadow=settings.connection.shadow,
        quiet=_ms(settings.cin7.quiet_seconds),
        timeout=_ms(settings.cin7.timeout_seconds),
    )


def catalogue_rules(settings: Settings) -> CatalogueRules:
    """What is written to the storefront's products."""
    chosen, mappings = settings.catalogue, settings.mappings
    return CatalogueRules(
        enabled=chosen.enabled,
        drafts=chosen.create_drafts,
        unpublish=chosen.unpublish_unmatched,
        share=chosen.unpublish_share_percent,
        draft=DraftRules(
            product_type=chosen.product_type or "",
            product_types=dict(mappings.product_types),
            tax_category=chosen.tax_category or "",
            tax_categories=dict(mappings.tax_categories),
            attributes=dict(mappings.attributes),
            language=chosen.language or "",
        ),
        sweep=_ms(settings.intake.sweep_seconds),
        quiet=_ms(settings.cin7.quiet_seconds),
        mapped=frozenset(mappings.gift_cards),
        shadow=settings.connection.shadow,
    )


def procurement_rules(settings: Settings) -> ProcurementRules:
    """Which purchases and margins somebody is asked to look at."""
    chosen = settings.procurement
    return ProcurementRules(
        enabled=chosen.enabled,
        floor=chosen.margin_floor_percent,
        invoice_after=chosen.invoice_after_days,
        landed_cost_after=chosen.landed_cost_after_days,
        landed_cost=chosen.landed_cost,
        moved_percent=chosen.cost_moved_percent,
        month_end=chosen.month_end_days,
        refresh=_ms(settings.orders.refresh_seconds),
        history=chosen.history_days * DAY_MS,
    )


def mappings_of(settings: Settings) -> Mappings:
    """The tables that people may lay rows over at the desk."""
    return Mappings(
        posting=posting_rules(settings),
        accounts=finance_rules(settings).accounts,
        carriers=fulfilment_rules(settings).delivery.carriers,
    )


def with_mappings(settings: Settings, mappings: Mappings) -> Settings:
    """Return the settings with these tables in the place of their own."""
    plain = {
        kind.value: {key: entry.value for key, entry in mappings.table(kind).items()}
        for kind in MappingKind
        if kind is not MappingKind.CHARGES
    }
    charges = {
        slug: ChargeMapping(product=entry.value, tender=entry.tender)
        for slug, entry in mappings.table(MappingKind.CHARGES).items()
    }
    replaced = msgspec.structs.replace(settings.mappings, charges=charges, **plain)
    return msgspec.structs.replace(settings, mappings=replaced)


def export_rules(settings: Settings) -> ExportRules:
    """When an order goes ahead."""
    orders = settings.orders
    return ExportRules(
        since=orders.since_instant,
        trigger=Trigger(
            order_states=tuple(orders.trigger.order_states),
            payment=orders.trigger.payment,
            states=tuple(orders.trigger.states),
        ),
        hold=_ms(orders.hold_seconds),
        awaiting=_ms(orders.awaiting_seconds),
        exclude_stores=frozenset(orders.exclude_stores),
        sync_channel=orders.sync_channel,
        quiet=_ms(settings.cin7.quiet_seconds),
        timeout=_ms(settings.cin7.timeout_seconds),
        shadow=settings.connection.shadow,
    )


def posting_rules(settings: Settings) -> PostingRules:
    """How an order becomes a document."""
    orders, mappings = settings.orders, settings.mappings
    return PostingRules(
        customer=orders.customer.name,
        location=orders.location,
        tax=dict(mappings.tax),
        channels={key: tuple(names) for key, names in mappings.channels.items()},
        charges=Charges(
            shipping=orders.shipping_charge, discount=orders.discount_charge, rounding=orders.rounding_charge
        ),
        order_reference=orders.order_reference,
        tolerance=settings.finance.tolerance_minor_units,
        time_zone=settings.connection.time_zone or "",
        customer_mode=orders.customer.mode,
        split_location=orders.split_location or "",
        discount_as=orders.discount_as,
        slugs={
            slug: ChargeRule(product=mapping.product, tender=mapping.tender)
            for slug, mapping in mappings.charges.items()
        },
        gift_cards=dict(mappings.gift_cards),
        carriers=dict(mappings.shipping),
        fields=dict(mappings.fields),
        currencies={
            code: CurrencyRule(customer=mapping.customer, rate=mapping.rate)
            for code, mapping in mappings.currencies.by_code.items()
        },
        rate_max_age=mappings.currencies.rate_max_age_days,
        most_rows=orders.most_rows,
    )
