"""The configuration: one TOML file read into frozen records, and every problem in it said at once.

What the file alone can judge is judged here and stops the start (design §5): an unknown key, a wrong type, a value out
of range, two keys that contradict each other. What needs the wire is not asked here. A problem shows the key, the
value and the mend, one line each; the value of an unknown key is never shown, since it may be a secret that strayed.

Names carry their units: `_seconds`, `_days`, `_percent`, `_minor_units`. Keys and defaults are those of the
configuration contract; a table the file leaves out has its defaults, a mapping the file writes replaces the default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from actors.domain.time import Instant, parse_instant
from daemon.settings_checks import (
    bind_problem,
    channel_key_problem,
    channel_problem,
    charge_problem,
    connection_name_problem,
    escalation_problem,
    percent_problem,
    perhaps_text_problem,
    project_key_problem,
    quiet_hours_problem,
    seconds_problem,
    socket_problem,
    text_problem,
    time_of_day_problem,
    time_zone_problem,
    timestamp_problem,
    topic_arn_problem,
    trace_url_problem,
    url_problem,
    wait_problem,
    window_problem,
)
from daemon.settings_contradictions import contradictions
from daemon.settings_reader import Problem, SettingsError, TableReader

__all__ = ["DEFAULT_PATH", "Problem", "Settings", "SettingsError", "load_settings", "parse_settings"]

DEFAULT_PATH = Path("/etc/tallyd/tallyd.toml")

Text = Annotated[str, Meta(extra={"check": text_problem})]
Url = Annotated[str, Meta(extra={"check": url_problem})]
Bind = Annotated[str, Meta(extra={"check": bind_problem})]
TopicArn = Annotated[str, Meta(extra={"check": topic_arn_problem})]
Channel = Annotated[str, Meta(extra={"check": channel_problem})]
Charge = Annotated[str, Meta(extra={"check": charge_problem})]
PerhapsText = Annotated[str, Meta(extra={"check": perhaps_text_problem})]
"""Text, or nothing where nothing is meant."""
Seconds = Annotated[float, Meta(extra={"check": seconds_problem})]
"""A duration: more than 0."""
Wait = Annotated[float, Meta(extra={"check": wait_problem})]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Parallel = Annotated[int, Meta(ge=1, le=1_000)]
Days = Annotated[int, Meta(ge=1, le=36_500)]
Amount = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
SaleField = Literal[
    "Note",
    "ShippingNotes",
    "ShipBy",
    "AdditionalAttribute1",
    "AdditionalAttribute2",
    "AdditionalAttribute3",
    "AdditionalAttribute4",
    "AdditionalAttribute5",
    "AdditionalAttribute6",
    "AdditionalAttribute7",
    "AdditionalAttribute8",
    "AdditionalAttribute9",
    "AdditionalAttribute10",
]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


class ConnectionSettings(_Table, frozen=True, kw_only=True):
    """Which connection this daemon is. `time_zone` None: what Cin7 Core reports."""

    name: Annotated[str, Meta(extra={"check": connection_name_problem, "example": "acme-uk"})]
    mode: Literal["live", "shadow"] = "live"
    time_zone: Annotated[str, Meta(extra={"check": time_zone_problem})] | None = None

    @property
    def shadow(self) -> bool:
        """True: every write is recorded as a would-have and not sent."""
        return self.mode == "shadow"


class CommercetoolsSettings(_Table, frozen=True, kw_only=True):
    """The commercetools project. Secret: `commercetools_client_secret`."""

    project_key: Annotated[str, Meta(extra={"check": project_key_problem, "example": "acme"})]
    api_url: Annotated[
        str, Meta(extra={"check": url_problem, "example": "https://api.europe-west1.gcp.commercetools.com"})
    ]
    auth_url: Annotated[
        str, Meta(extra={"check": url_problem, "example": "https://auth.europe-west1.gcp.commercetools.com"})
    ]
    client_id: Annotated[str, Meta(extra={"check": text_problem, "example": "..."})]
    max_in_flight: Parallel = 10


class LaneShares(_Table, frozen=True, kw_only=True):
    """Calls a minute each lane below orders is sure of while it has work."""

    fulfilment: Amount = 6
    finance: Amount = 4
    stock: Amount = 10
    catalogue: Amount = 2
    backfill: Amount = 2

    @property
    def total(self) -> int:
        """Calls a minute that are promised to somebody."""
        return self.fulfilment + self.finance + self.stock + self.catalogue + self.backfill


class Cin7Settings(_Table, frozen=True, kw_only=True):
    """The Cin7 Core account and how hard it may be asked. Secret: `cin7_application_key`."""

    account_id: Annotated[str, Meta(extra={"check": text_problem, "example": "..."})]
    base_url: Url = "https://inventory.dearsystems.com/ExternalApi/v2"
    calls_per_minute: Count = 60
    max_in_flight: Parallel = 4
    timeout_seconds: Seconds = 60
    quiet_seconds: Seconds = 60
    shares: LaneShares = LaneShares()
    reserve: Amount = 6


class StorageSettings(_Table, frozen=True, kw_only=True):
    """The database file. Secret: `storage_key`."""

    path: Text = "/var/lib/tallyd/tallyd.db"
    retain_days: Annotated[int, Meta(ge=400, le=36_500)] = 400
    retain_bodies_days: Days = 30


class OperatorSettings(_Table, frozen=True, kw_only=True):
    """Console, API, health and metrics. Secret: `operator_tokens`. `socket` None: beside the database file.

    `public_url` is how people reach it, for links in messages (None: `http://` and `bind`).
    """

    bind: Bind = "127.0.0.1:8710"
    public_url: Url | None = None
    socket: Annotated[str, Meta(extra={"check": socket_problem})] | None = None


class SqsSettings(_Table, frozen=True, kw_only=True):
    """A queue commercetools fills. Secrets: `aws_access_key_id`, `aws_secret_access_key`, else the machine's role."""

    queue_url: Url
    region: Text
    endpoint_url: Url | None = None


class SnsSettings(_Table, frozen=True, kw_only=True):
    """Topics whose pushes are believed. `endpoint_url`: a local double that signs instead of AWS."""

    topic_arns: Annotated[tuple[TopicArn, ...], Meta(min_length=1)]
    endpoint_url: Url | None = None


class PubSubSettings(_Table, frozen=True, kw_only=True):
    """What a push's token must say. `endpoint_url`: where a local double publishes its keys instead of Google."""

    audience: Text
    service_account: Text
    endpoint_url: Url | None = None


class EventGridSettings(_Table, frozen=True, kw_only=True):
    """The topic whose pushes are believed. Secret: `eventgrid_key`."""

    topic: Text


class IntakeSettings(_Table, frozen=True, kw_only=True):
    """The doors. Secret: `cin7_webhook_token`, when `cin7_webhooks`.

    `subscription` is the id of the commercetools subscription that fills the door: its health is watched. A push may be
    `push_grace_seconds` later than the sweep that found the order; a door from which nothing came for
    `push_silent_seconds` is told. Fewer orders an hour than `silence_floor` are told (0: only what the shop's own past
    says). `most_waiting`: with more messages waiting, senders are asked to come again. `census_seconds`: how often both
    sides are counted against each other, besides midnight.
    """

    bind: Bind = "127.0.0.1:8711"
    cin7_webhooks: bool = False
    hot_seconds: Seconds = 3
    sweep_seconds: Seconds = 60
    sweep_trail_seconds: Seconds = 60
    sweep_overlap_seconds: Seconds = 300
    push_grace_seconds: Seconds = 300
    push_silent_seconds: Seconds = 86400
    silence_floor: Amount = 0
    most_waiting: Count = 200_000
    census_seconds: Seconds = 3600
    subscription: Text | None = None
    public_url: Url | None = None
    sqs: SqsSettings | None = None
    sns: SnsSettings | None = None
    pubsub: PubSubSettings | None = None
    eventgrid: EventGridSettings | None = None


class TriggerSettings(_Table, frozen=True, kw_only=True):
    """Which orders go ahead. `states`: workflow state keys; empty asks for none."""

    order_states: Annotated[tuple[Literal["Open", "Confirmed", "Complete"], ...], Meta(min_length=1)]
    payment: Literal["any", "authorised", "paid"]
    states: tuple[Text, ...] = ()


class FirstSettings(_Table, frozen=True, kw_only=True):
    """Orders that go ahead in their lane."""

    shipping: tuple[Text, ...] = ()


class CustomerSettings(_Table, frozen=True, kw_only=True):
    """Whom sales are booked to."""

    mode: Literal["single", "per-customer"] = "single"
    name: Text = "commercetools web orders"


class OrdersSettings(_Table, frozen=True, kw_only=True):
    """When and how an order becomes a sale. `most_rows`: rows one document of Cin7 Core may have; more are held."""

    since: Annotated[str, Meta(extra={"check": timestamp_problem, "example": "2026-12-01T00:00:00Z"})]
    trigger: Annotated[
        TriggerSettings, Meta(extra={"example": {"order_states": ["Open", "Confirmed"], "payment": "paid"}})
    ]
    enabled: bool = True
    hold_seconds: Wait = 0
    awaiting_seconds: Seconds = 86400
    concurrency: Parallel = 8
    refresh_seconds: Seconds = 300
    exclude_stores: tuple[Text, ...] = ()
    first: FirstSettings = FirstSettings()
    order_reference: Literal["order-number", "id"] = "order-number"
    sync_channel: Annotated[str, Meta(extra={"check": channel_key_problem})] = "cin7-core"
    customer: CustomerSettings = CustomerSettings()
    location: Text = "Main Warehouse"
    split_location: Text | None = None
    shipping_charge: Charge = "Shipping"
    discount_charge: Charge = "Discount"
    discount_as: Literal["charge", "lines", "auto"] = "auto"
    rounding_charge: Charge = "Rounding"
    most_rows: Annotated[int, Meta(ge=1, le=10_000)] = 200
    missed_after_seconds: Seconds = 900

    @property
    def since_instant(self) -> Instant:
        """Milliseconds since the epoch before which orders are never exported."""
        return parse_instant(self.since)


class StockSettings(_Table, frozen=True, kw_only=True):
    """How availability is published. `buffers`: units kept back per SKU or category, `channel_buffers` per channel.

    `stale_buffer`: units kept back in addition while `stale_policy = "buffer"` applies. `mass_zero_least`: so many SKUs
    may go to zero in any pass. `create_missing`: make inventory entries for SKUs that have none.
    """

    enabled: bool = True
    snapshot_seconds: Seconds = 900
    buffer: Amount = 0
    buffers: dict[str, Amount] = {}
    increase_after_readings: Count = 2
    trueup_max_seconds: Seconds = 3600
    kits: Literal["components", "leave"] = "components"
    oversell_ok: tuple[Text, ...] = ()
    max_age_seconds: Seconds = 3600
    stale_policy: Literal["keep", "zero", "buffer"] = "keep"
    mass_zero_percent: Percent = 2
    mass_zero_least: Amount = 5
    stale_buffer: Amount = 1
    channel_buffers: dict[str, Amount] = {}
    create_missing: bool = True
    concurrency: Parallel = 8


class FulfilmentSettings(_Table, frozen=True, kw_only=True):
    """What of picking and shipping the storefront sees."""

    enabled: bool = True
    publish_from: Literal["pick", "ship"] = "pick"
    complete: Literal["never", "shipped", "shipped-and-paid"] = "shipped"
    cancel_voided: bool = False


class CatalogueSettings(_Table, frozen=True, kw_only=True):
    """What may be written to the product catalogue.

    `unpublish_share_percent`: more of the published products than this at once, and a person is asked. `product_type`
    and `tax_category` are keys for what no mapping names; `language` is that of names (default: the project's first).
    """

    enabled: bool = True
    create_drafts: bool = False
    unpublish_unmatched: bool = False
    unpublish_share_percent: Annotated[float, Meta(ge=0, le=100)] = 2
    product_type: Text | None = None
    tax_category: Text | None = None
    language: Text | None = None


class FinanceSettings(_Table, frozen=True, kw_only=True):
    """When money is posted. `tolerance_minor_units` is in the order's currency.

    `invoice`: an order is invoiced as soon as it is reconciled, or each shipment as it leaves. `refund_charge` is the
    service product of money given back for no item ("": none).
    """

    enabled: bool = True
    posting: Literal["off", "hold", "auto"] = "hold"
    invoice: Literal["order", "shipped"] = "order"
    tolerance_minor_units: Amount = 0
    refunds: Literal["exception", "credit-note"] = "exception"
    refund_charge: PerhapsText = "Refund"
    four_eyes: bool = False


class ProcurementSettings(_Table, frozen=True, kw_only=True):
    """Which purchases are looked at twice."""

    enabled: bool = True
    margin_floor_percent: Annotated[Decimal, Meta(extra={"check": percent_problem})] = Decimal(0)
    invoice_after_days: Annotated[int, Meta(ge=0)] = 14
    landed_cost_after_days: Annotated[int, Meta(ge=0)] = 14
    landed_cost: Literal["foreign", "all", "none"] = "foreign"
    cost_moved_percent: Annotated[Decimal, Meta(extra={"check": percent_problem})] = Decimal(1)
    month_end_days: Annotated[int, Meta(ge=0, le=31)] = 5
    history_days: Annotated[int, Meta(ge=1)] = 365


class ChargeMapping(_Table, frozen=True, kw_only=True):
    """The Cin7 service product of a custom line. `tender`: the order is paid with it, not discounted."""

    product: Text
    tender: bool = False


class CurrencyMapping(_Table, frozen=True, kw_only=True):
    """The Cin7 customer that holds a currency. `rate`: `cin7-last`, `file:PATH` or a fixed figure."""

    customer: Text
    rate: Text


class CurrenciesMapping(_Table, frozen=True, kw_only=True):
    """Currencies by ISO code, and the age in days beyond which a rate holds the order (None: any age)."""

    by_code: dict[str, CurrencyMapping] = {}
    rate_max_age_days: Days | None = None


class MappingsSettings(_Table, frozen=True, kw_only=True):
    """What is called what on the other side. `gift_cards` are sold as a debt: by SKU, or by slug of a custom line."""

    tax: dict[str, Text] = msgspec.field(default_factory=lambda: {"GB/standard": "20% (VAT on Income)"})
    channels: dict[str, Annotated[tuple[Text, ...], Meta(min_length=1)]] = msgspec.field(
        default_factory=lambda: {"": ("Main Warehouse",)}
    )
    charges: dict[str, ChargeMapping] = {}
    gift_cards: dict[str, Text] = {}
    product_types: dict[str, Text] = {}
    tax_categories: dict[str, Text] = {}
    attributes: dict[str, Text] = {}
    payments: dict[str, Text] = {}
    carriers: dict[str, Text] = {}
    shipping: dict[str, Text] = {}
    fields: dict[str, SaleField] = {}
    currencies: CurrenciesMapping = CurrenciesMapping()


class OwnerSettings(_Table, frozen=True, kw_only=True):
    """Who answers, and where they are reached. A channel that holds a secret is `credential:NAME`."""

    name: Text
    channels: tuple[Channel, ...] = ()


class OwnersSettings(_Table, frozen=True, kw_only=True):
    """The four who own exceptions (design, head)."""

    ops: OwnerSettings | None = None
    finance: OwnerSettings | None = None
    ecommerce: OwnerSettings | None = None
    it: OwnerSettings | None = None


class TelemetrySettings(_Table, frozen=True, kw_only=True):
    """Where traces go (`otlp_endpoint` None: nowhere), and where a person looks at one."""

    otlp_endpoint: Url | None = None
    trace_url: Annotated[str, Meta(extra={"check": trace_url_problem})] | None = None
    sample_ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0


class AlertsSettings(_Table, frozen=True, kw_only=True):
    """When somebody is called. Times are `HH:MM` in the connection's time zone, intervals `start/end`.

    `thresholds` by name (`actors.domain.alerting.THRESHOLDS`; 0: never). A critical alert that still stands after
    `escalate_after_minutes`, and any other past its due time, goes to `escalate_to` too: owners, or channels.
    """

    thresholds: dict[str, Annotated[float, Meta(ge=0)]] = {}
    escalate_after_minutes: Annotated[int, Meta(ge=1, le=10_080)] = 60
    escalate_to: tuple[Annotated[str, Meta(extra={"check": escalation_problem})], ...] = ("it",)
    quiet_hours: Annotated[str, Meta(extra={"check": quiet_hours_problem})] | None = None
    maintenance: tuple[Annotated[str, Meta(extra={"check": window_problem})], ...] = ()
    digest_at: Annotated[str, Meta(extra={"check": time_of_day_problem})] | None = None


class Settings(_Table, frozen=True, kw_only=True):
    """The whole file."""

    connection: ConnectionSettings
    commercetools: CommercetoolsSettings
    cin7: Cin7Settings
    orders: OrdersSettings
    storage: StorageSettings = StorageSettings()
    operator: OperatorSettings = OperatorSettings()
    intake: IntakeSettings = IntakeSettings()
    stock: StockSettings = StockSettings()
    fulfilment: FulfilmentSettings = FulfilmentSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    finance: FinanceSettings = FinanceSettings()
    procurement: ProcurementSettings = ProcurementSettings()
    mappings: MappingsSettings = MappingsSettings()
    owners: OwnersSettings = OwnersSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    alerts: AlertsSettings = AlertsSettings()

    @property
    def database_path(self) -> Path:
        """The database file."""
        return Path(self.storage.path)

    @property
    def socket_path(self) -> Path:
        """Where commands that act reach the daemon."""
        if self.operator.socket is not None:
            return Path(self.operator.socket)
        return self.database_path.with_name("tallyd.sock")


class FileSettings(Settings, frozen=True, kw_only=True, eq=False):
    """Settings as a file gave them: its name, and every key that stands in it, dotted.

    They equal others by which the daemon would do the same, whatever stands in a file and what by default.
    """

    file: str
    given: frozenset[str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and all(
            getattr(self, name) == getattr(other, name) for name in Settings.__struct_fields__
        )

    __hash__ = None  # type: ignore[assignment]


def load_settings(path: Path) -> Settings:
    """Read and judge the file.

    Raises:
        SettingsError: with every problem found in it.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8 text", "save it as UTF-8") from None
    except FileNotFoundError:
        raise _unreadable(path, "does not exist", "name the file with --config FILE") from None
    except OSError as error:
        mend = "make it a file that the user who runs tallyd may read"
        raise _unreadable(path, f"cannot be read ({error.strerror})", mend) from None
    return parse_settings(text, source=str(path))


def parse_settings(text: str, *, source: str) -> Settings:
    """Judge the file's text; `source` is how problems name it.

    Raises:
        SettingsError: with every problem found in it.
    """
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        problem = Problem(key="", message=f"is not TOML: {error}", mend="mend that line")
        raise SettingsError([problem], source=source) from None
    reader = TableReader(Settings, places=_PLACES, special={CurrenciesMapping: _currencies})
    tables = reader.read(document)
    problems = [*reader.problems, *contradictions(tables, document)]
    if problems:
        raise SettingsError(problems, source=source)
    return _follow_location(FileSettings(**tables, file=source, given=frozenset(_keys(document))), document)


def _keys(table: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the keys of a document, those of tables in it too."""
    for key, value in table.items():
        where = f"{path}.{key}" if path else key
        yield where
        if isinstance(value, dict):
            yield from _keys(value, where)


def _follow_location(settings: Settings, document: dict[str, Any]) -> Settings:
    """Let the entry without a channel be fed by the place its orders are booked to, where the file maps none."""
    if "channels" in document.get("mappings", {}):
        return settings
    channels = {"": (settings.orders.location,)}
    return msgspec.structs.replace(settings, mappings=msgspec.structs.replace(settings.mappings, channels=channels))


def _currencies(value: dict[str, Any]) -> dict[str, Any]:
    """Tell the currencies apart from the key that stands among them; a rate may be written as a number."""
    by_code = {
        code: {**entry, "rate": str(entry["rate"])} if _has_figure(entry) else entry
        for code, entry in value.items()
        if code != "rate_max_age_days"
    }
    rest = {key: value[key] for key in ("rate_max_age_days",) if key in value}
    return {"by_code": by_code, **rest}


def _has_figure(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("rate"), int | Decimal) and entry["rate"] is not True


_PLACES = {"mappings.currencies.by_code": "mappings.currencies"}
"""Where a record's field stands in the file, if not where its name says."""


def _unreadable(path: Path, message: str, mend: str) -> SettingsError:
    return SettingsError([Problem(key="", message=message, mend=mend)], source=str(path))
