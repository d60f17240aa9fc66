"""The configuration file: its defaults, and every way it can be wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actors.domain.posting import ChargeRule, CurrencyRule, PostingRules
from actors.finance.rules import FinanceRules
from daemon.planning import finance_rules, plan_of, posting_rules
from daemon.settings import Settings, SettingsError, load_settings, parse_settings

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config" / "tallyd.toml"
CONTRACT = ROOT.parent / "shared" / "config-contract.toml"

REQUIRED = """
[connection]
name = "acme-uk"
[commercetools]
project_key = "acme"
api_url = "https://api.europe-west1.gcp.commercetools.com"
auth_url = "https://auth.europe-west1.gcp.commercetools.com"
client_id = "..."
[cin7]
account_id = "..."
[orders]
since = "2026-12-01T00:00:00Z"
trigger = { order_states = ["Open", "Confirmed"], payment = "paid" }
"""

ADDED = {
    "telemetry.trace_url",
    "catalogue.unpublish_share_percent",
    "catalogue.tax_category",
    "catalogue.language",
    "procurement.invoice_after_days",
    "procurement.landed_cost",
    "procurement.landed_cost_after_days",
    "procurement.cost_moved_percent",
    "procurement.month_end_days",
    "procurement.history_days",
    "mappings.product_types",
    "mappings.product_types.Shirts",
    "mappings.tax_categories",
    "mappings.tax_categories.20% (VAT on Income)",
    "mappings.attributes",
    "mappings.attributes.Brand",
    "finance.invoice",
    "finance.refund_charge",
    "mappings.gift_cards",
    "mappings.gift_cards.GIFT-50",
    "fulfilment.complete",
    "fulfilment.cancel_voided",
    "orders.most_rows",
    "stock.mass_zero_least",
    "stock.stale_buffer",
    "stock.channel_buffers",
    "stock.create_missing",
    "stock.concurrency",
    "operator.public_url",
    "alerts.escalate_after_minutes",
    "alerts.escalate_to",
    "intake.push_grace_seconds",
    "intake.push_silent_seconds",
    "intake.silence_floor",
    "intake.most_waiting",
    "intake.census_seconds",
    "intake.subscription",
    "intake.sns.endpoint_url",
    "intake.pubsub.endpoint_url",
}
"""Keys of ours that the contract leaves to the flows."""

UNTOUCHED_SHAPES = {"thresholds", "quiet_hours", "maintenance"}
"""Keys the contract names without a shape."""


def with_keys(**tables: str) -> str:
    """The required keys with more lines in some of their tables, or further tables behind them."""
    text = REQUIRED
    for table, lines in tables.items():
        head = f"[{table.replace('__', '.')}]"
        keys = re.findall(r"^([a-z_]+) =", lines, re.MULTILINE)
        if head not in text:
            text += f"{head}\n{lines}\n"
            continue
        before, _, body = text.partition(head)
        body, bracket, after = re.match(r"(.*?)(^\[|\Z)(.*)", body.lstrip("\n"), re.DOTALL | re.MULTILINE).groups()  # type: ignore[union-attr]
        kept = "".join(f"{line}\n" for line in body.splitlines() if line.partition(" =")[0] not in keys)
        text = f"{before}{head}\n{kept}{lines}\n{bracket}{after}"
    return text


def lines_of(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, source="t.toml")
    lines = caught.value.lines()
    assert all("\n" not in line for line in lines)
    return lines


def one_line(**tables: str) -> str:
    lines = lines_of(with_keys(**tables))
    assert len(lines) == 1, lines
    return lines[0]


def known_paths(kind: type[msgspec.Struct] = Settings, prefix: str = "") -> dict[str, list[str]]:
    """Every key there is, by table: nested records are tables of their own."""
    paths: dict[str, list[str]] = {}
    for field in msgspec.structs.fields(kind):
        base = unwrapped(field.type)
        paths.setdefault(prefix, []).append(field.name)
        if isinstance(base, type) and issubclass(base, msgspec.Struct):
            paths |= known_paths(base, f"{prefix}.{field.name}".lstrip("."))
    return paths


def unwrapped(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not NoneType)
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def uncommented(text: str) -> str:
    """The file with its commented keys switched on."""
    return re.sub(r'^# (?=("[^"]*"|[A-Za-z_]+) = )', "", text, flags=re.MULTILINE)


def key_paths(document: dict[str, Any], prefix: str = "") -> set[str]:
    paths = set()
    for key, value in document.items():
        path = f"{prefix}.{key}".lstrip(".")
        paths.add(path)
        if isinstance(value, dict):
            paths |= key_paths(value, path)
    return paths


def test_the_shipped_file_says_exactly_the_defaults() -> None:
    assert load_settings(SHIPPED) == parse_settings(REQUIRED, source="required")


@pytest.mark.skipif(not CONTRACT.exists(), reason="the configuration contract is not beside this checkout")
def test_the_contract_loads_as_the_defaults() -> None:
    assert load_settings(CONTRACT) == load_settings(SHIPPED)


@pytest.mark.skipif(not CONTRACT.exists(), reason="the configuration contract is not beside this checkout")
def test_every_key_of_the_file_is_in_the_contract_and_the_other_way_round() -> None:
    ours = key_paths(tomllib.loads(uncommented(SHIPPED.read_text())))
    theirs = key_paths(tomllib.loads(uncommented(CONTRACT.read_text())))
    examples = {path for path in ours if path.startswith(("owners.", "alerts.thresholds."))}
    assert {f"alerts.{name}" for name in UNTOUCHED_SHAPES} <= ours
    assert ours - theirs >= ADDED
    assert ours - examples - ADDED - {f"alerts.{name}" for name in UNTOUCHED_SHAPES} == {
        path for path in theirs if not path.startswith("owners.")
    }


def test_the_file_with_every_commented_key_switched_on_is_understood() -> None:
    settings = parse_settings(uncommented(SHIPPED.read_text()), source="all")
    assert settings.mappings.currencies.by_code["EUR"].rate == "cin7-last"
    assert settings.mappings.currencies.rate_max_age_days == 3
    assert settings.mappings.charges["gift-card"].tender
    assert settings.intake.sqs is not None
    assert settings.owners.ops is not None
    assert settings.connection.time_zone == "Europe/London"


def test_every_key_the_daemon_knows_stands_in_the_file() -> None:
    present = key_paths(tomllib.loads(uncommented(SHIPPED.read_text())))
    inner = {"mappings.currencies"}  # its `by_code` is the table itself
    missing = {
        f"{table}.{name}".lstrip(".")
        for table, names in known_paths().items()
        for name in names
        if table not in inner and not table.startswith("owners.")
    } - present
    assert missing == set()


def test_every_duration_names_its_unit() -> None:
    """A bare `timeout = 60` would be anybody's guess."""
    for table, names in known_paths().items():
        for name in names:
            if re.search(r"timeout|snapshot|sweep|hold_|awaiting|refresh|max_age|quiet(?!_hours)", name):
                assert name.endswith(("_seconds", "_days")), f"{table}.{name}"


def test_what_follows_from_other_keys() -> None:
    settings = parse_settings(with_keys(storage='path = "/srv/a/t.db"', orders='location = "Leeds"'), source="t")
    assert settings.socket_path == Path("/srv/a/tallyd.sock")
    assert settings.database_path == Path("/srv/a/t.db")
    assert settings.mappings.channels == {"": ("Leeds",)}
    assert settings.orders.since_instant == 1_796_083_200_000
    assert not settings.connection.shadow
    named = parse_settings(with_keys(operator='socket = "/run/tallyd/x.sock"'), source="t")
    assert named.socket_path == Path("/run/tallyd/x.sock")


def test_a_mapping_that_is_written_replaces_its_default() -> None:
    settings = parse_settings(with_keys(mappings__tax='"0.2" = "VAT"'), source="t")
    assert settings.mappings.tax == {"0.2": "VAT"}
    assert settings.mappings.channels == {"": ("Main Warehouse",)}


def test_part_of_a_table_keeps_the_other_defaults() -> None:
    settings = parse_settings(with_keys(cin7="shares = { stock = 1 }"), source="t")
    assert (settings.cin7.shares.stock, settings.cin7.shares.fulfilment) == (1, 6)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "absent.toml")
    assert caught.value.lines() == [f"{tmp_path}/absent.toml: does not exist; name the file with --config FILE"]


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load_settings(tmp_path / "latin.toml")


def test_a_syntax_error_names_its_line() -> None:
    (line,) = lines_of("[connection]\nname = \n")
    assert line.startswith("t.toml: is not TOML: ")
    assert "line 2" in line


def test_an_empty_file_lists_every_required_key() -> None:
    lines = lines_of("")
    assert [line.split(": ")[1] for line in lines] == [
        "connection.name",
        "commercetools.project_key",
        "commercetools.api_url",
        "commercetools.auth_url",
        "commercetools.client_id",
        "cin7.account_id",
        "orders.since",
        "orders.trigger",
    ]
    assert all("is required and missing" in line for line in lines)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"cin7": "cals_per_minute = 60"}, "cin7.cals_per_minute: is not a key that tallyd knows; did you mean calls"),
        ({"orders": "hot_seconds = 2"}, "orders.hot_seconds: is not a key that tallyd knows; it belongs into [intake]"),
        ({"storge": 'path = "x"'}, "t.toml: storge: is not a key that tallyd knows; did you mean storage?"),
        ({"orders": "stock = 1"}, "orders.stock: is not a key that tallyd knows; write it as a table of its own"),
        ({"cin7": "shares = { orders = 3 }"}, "cin7.shares.orders: is not a key"),
        ({"connection": 'mode = "dry"'}, 'connection.mode: "dry" is not one of "live", "shadow"; write for example'),
        ({"connection": "name = 5"}, 'connection.name: 5 is not text in quotes; write for example name = "acme-uk"'),
        ({"connection": 'name = "a b"'}, 'connection.name: "a b" is not a name'),
        (
            {"connection": 'time_zone = "Europe/Londn"'},
            '"Europe/Londn" is not a time zone; did you mean Europe/London?',
        ),
        ({"connection": 'time_zone = "../../etc/passwd"'}, "is not a time zone"),
        ({"connection": 'time_zone = "Europe"'}, '"Europe" is not a time zone'),
        ({"commercetools": 'project_key = "Acme!"'}, 'commercetools.project_key: "Acme!" is not a project key'),
        (
            {"commercetools": 'api_url = "api.example.com"'},
            'commercetools.api_url: "api.example.com" is not an http(s)',
        ),
        ({"commercetools": 'api_url = "ftp://x"'}, "is not an http(s) address"),
        ({"commercetools": 'api_url = "https://"'}, "is not an http(s) address"),
        ({"commercetools": 'api_url = "https://x:99999"'}, "is not an address"),
        ({"commercetools": 'api_url = "https://x/?a=b"'}, "is more than an address"),
        ({"commercetools": 'client_id = ""'}, "commercetools.client_id: is empty"),
        ({"commercetools": "max_in_flight = true"}, "max_in_flight: true is not a whole number from 1 to 1000"),
        ({"cin7": "max_in_flight = 0"}, "cin7.max_in_flight: 0 is not a whole number from 1"),
        ({"cin7": "calls_per_minute = 60.0"}, "cin7.calls_per_minute: 60.0 is not a whole number"),
        ({"cin7": "timeout_seconds = 0"}, "cin7.timeout_seconds: 0 is no duration: it must be more than 0"),
        ({"cin7": "timeout_seconds = -1"}, "cin7.timeout_seconds: -1 is no duration"),
        ({"cin7": "timeout_seconds = inf"}, "cin7.timeout_seconds: Infinity is not a number"),
        ({"cin7": "quiet_seconds = nan"}, "cin7.quiet_seconds: NaN is not a number"),
        ({"cin7": 'quiet_seconds = "60"'}, 'cin7.quiet_seconds: "60" is not a number; write for example'),
        ({"cin7": "quiet_seconds = 1e12"}, "is longer than a year"),
        ({"cin7": "reserve = -1"}, "cin7.reserve: -1 is not a whole number from 0"),
        ({"cin7": "shares = 5"}, "cin7.shares: 5 is not a table; write for example shares = { fulfilment = 6,"),
        ({"orders": "hold_seconds = -1"}, "orders.hold_seconds: -1 is no duration: it must be 0 or more"),
        ({"storage": "retain_days = 30"}, "storage.retain_days: 30 is not a whole number from 400"),
        ({"operator": 'bind = "127.0.0.1"'}, 'operator.bind: "127.0.0.1" is not host:port'),
        ({"operator": 'bind = ":8710"'}, "is not host:port"),
        ({"operator": 'bind = "127.0.0.1:70000"'}, "is not host:port"),
        ({"operator": 'bind = "999.0.0.1:80"'}, "is not host:port"),
        ({"operator": 'bind = "::1:80"'}, "is not host:port"),
        ({"operator": f'socket = "/{"x" * 107}"'}, "is longer than 107 bytes"),
        ({"intake": "cin7_webhooks = 1"}, "intake.cin7_webhooks: 1 is not true or false"),
        ({"intake": 'sns = { topic_arns = "arn" }'}, 'intake.sns.topic_arns: "arn" is not a list'),
        ({"intake": 'sqs = { region = "r" }'}, "t.toml: intake.sqs.queue_url: is required and missing"),
        ({"orders": 'since = "soon"'}, 'orders.since: "soon" is not a timestamp; write it with its zone'),
        ({"orders": 'since = "2026-12-01T00:00:00"'}, "names no time zone"),
        ({"orders": "since = 2026-12-01T00:00:00Z"}, "orders.since: 2026-12-01T00:00:00+00:00 is not text in quotes"),
        (
            {"orders": 'trigger = { order_states = ["Open"], payment = "payd" }'},
            'orders.trigger.payment: "payd" is not',
        ),
        ({"orders": 'trigger = { order_states = ["Cancelled"], payment = "any" }'}, "order_states[0]: "),
        ({"orders": 'trigger = { order_states = [], payment = "any" }'}, "orders.trigger.order_states: is empty"),
        ({"orders": 'trigger = { order_states = ["Open"] }'}, "orders.trigger.payment: is required and missing"),
        ({"orders": 'order_reference = "number"'}, 'order_reference: "number" is not one of "order-number", "id"'),
        ({"orders": 'shipping_charge = ""'}, "orders.shipping_charge: is empty"),
        ({"orders": 'rounding_charge = " "'}, "orders.rounding_charge: is empty"),
        ({"orders": 'discount_charge = "D {rules}"'}, "holds a placeholder other than {rule}"),
        ({"orders": 'location = " Main"'}, 'orders.location: " Main" has blanks around it; remove them'),
        ({"orders": 'split_location = ""'}, "orders.split_location: is empty"),
        ({"orders": "most_rows = 0"}, "orders.most_rows: 0 is not a whole number from 1"),
        ({"orders": 'discount_as = "row"'}, 'orders.discount_as: "row" is not one of "charge", "lines", "auto"'),
        ({"orders": 'exclude_stores = ["a", 1]'}, "orders.exclude_stores[1]: 1 is not text in quotes"),
        ({"orders": 'sync_channel = "a b"'}, "is not a channel key"),
        ({"stock": "mass_zero_percent = 101"}, "stock.mass_zero_percent: 101 is not a number from 0 to 100"),
        ({"stock": 'buffers = { "S 1" = 1.5 }'}, 'stock.buffers."S 1": 1.5 is not a whole number'),
        ({"procurement": "margin_floor_percent = 101"}, "101 is not a number from 0 to 100"),
        ({"mappings__channels": "x = []"}, "mappings.channels.x: is empty; name at least one"),
        ({"mappings__fields": 'a = "Notes"'}, "mappings.fields.a: "),
        ({"mappings__tax": "a = 1"}, "mappings.tax.a: 1 is not text in quotes"),
        ({"mappings__charges": "a = { tender = true }"}, "mappings.charges.a.product: is required and missing"),
        ({"mappings__currencies": 'eur = { customer = "c", rate = 1 }'}, '"eur" is not a currency code'),
        ({"mappings__currencies": 'EUR = { customer = "c", rate = "soon" }'}, 'EUR.rate: "soon" is no rate'),
        ({"mappings__currencies": 'EUR = { customer = "c", rate = 0.0 }'}, "is no rate"),
        (
            {"mappings__currencies": 'EUR = { customer = "c", rate = "file:rates.csv" }'},
            'EUR.rate: "file:rates.csv" is no absolute path',
        ),
        ({"mappings__charges": '"" = { product = "Gift wrap" }'}, 'mappings.charges."": names no slug'),
        ({"finance": 'posting = "yes"'}, 'finance.posting: "yes" is not one of "off", "hold", "auto"'),
        ({"finance": 'invoice = "picked"'}, 'finance.invoice: "picked" is not one of "order", "shipped"'),
        ({"finance": 'refund_charge = " "'}, "finance.refund_charge: is empty"),
        ({"mappings__gift_cards": '"GIFT-50" = ""'}, "mappings.gift_cards.GIFT-50: is empty"),
        ({"mappings__gift_cards": '"" = "Gift card sold"'}, 'mappings.gift_cards."": names no SKU and no slug'),
        ({"mappings__currencies": "EUR = 5"}, "mappings.currencies.EUR: 5 is not a table"),
        ({"mappings__currencies": "rate_max_age_days = 0"}, "t.toml: mappings.currencies.rate_max_age_days: 0 is not"),
        ({"owners": 'boss = { name = "x" }'}, "owners.boss: is not a key that tallyd knows"),
        ({"telemetry": "sample_ratio = 1.5"}, "telemetry.sample_ratio: 1.5 is not a number from 0 to 1"),
        (
            {"telemetry": "trace_url = 'https://traces/all'"},
            'telemetry.trace_url: "https://traces/all" is no address of',
        ),
        ({"alerts": 'digest_at = "8"'}, 'alerts.digest_at: "8" is not a time of day'),
        ({"alerts": 'quiet_hours = "22-7"'}, 'alerts.quiet_hours: "22-7" is not a span of a day'),
        ({"alerts": "thresholds = { errors = 3 }"}, "alerts.thresholds.errors: is no threshold; write one of critical"),
        ({"alerts": "thresholds = { error_count = -1 }"}, "alerts.thresholds.error_count: -1 is not a number of 0"),
        ({"alerts": 'maintenance = ["2026-12-24"]'}, 'maintenance[0]: "2026-12-24" is not a span of time; write it as'),
        (
            {"alerts": 'maintenance = ["2026-12-25T00:00:00Z/2026-12-24T00:00:00Z"]'},
            "alerts.maintenance[0]: ",
        ),
        ({"alerts": 'escalate_to = ["boss"]'}, "alerts.escalate_to[0]: is no address of a channel"),
        ({"alerts": 'escalate_to = ["ops"]'}, 'alerts.escalate_to: names "ops", whom [owners] does not; add ops to'),
        ({"owners": 'ops = { name = "O", channels = ["mailto:a@b"] }'}, "channels[0]: is no address of a channel"),
        (
            {"owners": 'ops = { name = "O", channels = ["slack://TA/TB/hunter2"] }'},
            "channels[0]: slack://… may hold a secret; give the whole address as a secret, and write credential:NAME",
        ),
        (
            {"owners": 'ops = { name = "O", channels = ["mailto://me:hunter2@relay.test"] }'},
            "channels[0]: holds a password; give the whole address as a secret",
        ),
        ({"operator": 'public_url = "tallyd.test"'}, 'operator.public_url: "tallyd.test" is not an http(s) address'),
    ],
)
def test_one_mistake_is_one_line_with_key_value_and_mend(tables: dict[str, str], expected: str) -> None:
    line = one_line(**tables)
    assert expected in line
    assert "; " in line


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"cin7": "calls_per_minute = 30"}, "cin7.shares: the shares (24) and the reserve (6) use up all of calls"),
        ({"cin7": "reserve = 36"}, "the reserve (36) use up all of calls_per_minute = 60"),
        ({"storage": "retain_bodies_days = 401"}, "401 is more than retain_days = 400"),
        ({"storage": f'path = "/{"x" * 100}/t.db"'}, "operator.socket: its default"),
        ({"intake": 'bind = "127.0.0.1:8710"'}, 'intake.bind: "127.0.0.1:8710" is taken by [operator] bind'),
        ({"intake": 'bind = "0.0.0.0:8710"'}, "is taken by [operator] bind"),
        ({"intake": 'bind = "localhost:8710"'}, "is taken by [operator] bind"),
        ({"mappings__channels": '"" = ["Leeds"]'}, 'does not hold [orders] location = "Main Warehouse"'),
        (
            {"mappings__channels": '"" = ["Main Warehouse", "Leeds"]\nlondon = ["York", "Leeds"]'},
            'mappings.channels.london: "Leeds" feeds "" already: the same units would be sold twice; let each location',
        ),
        (
            {
                "mappings__charges": 'gift = { product = "Gift card redeemed", tender = true }',
                "mappings__gift_cards": 'gift = "Gift card sold"',
            },
            'mappings.gift_cards.gift: stands in [mappings.charges] too: "gift" would be sold as a debt',
        ),
        (
            {"mappings__currencies": 'EUR = { customer = "commercetools web orders", rate = "cin7-last" }'},
            'currencies.EUR.customer: "commercetools web orders" is that of [orders] customer already',
        ),
        (
            {"mappings__currencies": 'EUR = { customer = "c", rate = 1 }\nUSD = { customer = "c", rate = 1 }'},
            'currencies.USD.customer: "c" is that of [mappings.currencies] EUR already, and a Cin7 Core customer has',
        ),
        ({"catalogue": "create_drafts = true"}, "catalogue.create_drafts: is true, and neither product_type nor"),
        ({"catalogue": "enabled = false\nunpublish_unmatched = true"}, "catalogue.unpublish_unmatched: is true while"),
        (
            {"catalogue": 'enabled = false\ncreate_drafts = true\nproduct_type = "main"'},
            "catalogue.create_drafts: is true while enabled = false",
        ),
    ],
)
def test_a_contradiction_is_one_line(tables: dict[str, str], expected: str) -> None:
    assert expected in one_line(**tables)


@pytest.mark.parametrize(
    "tables",
    [
        {"cin7": "calls_per_minute = 31"},
        {"catalogue": 'create_drafts = true\nproduct_type = "main"'},
        {"catalogue": "create_drafts = true", "mappings__product_types": 'Mugs = "main"'},
        {"catalogue": "unpublish_unmatched = true"},
        {"catalogue": "enabled = false"},
        {"operator": 'bind = "127.0.0.1:0"', "intake": 'bind = "127.0.0.1:0"'},
        {"operator": 'bind = "[::1]:8710"'},
        {"operator": 'bind = "10.0.0.1:8711"'},
        {"mappings__channels": 'london = ["Leeds"]'},
        {"mappings__channels": '"" = ["Main Warehouse", "Main Warehouse"]\nlondon = ["Leeds", "York"]'},
        {"orders": 'customer = { mode = "per-customer" }\nsplit_location = "Elsewhere"'},
        {
            "mappings__currencies": (
                'EUR = { customer = "c", rate = 1.17 }\nUSD = { customer = "d", rate = "file:/r.csv" }'
            )
        },
        {"orders": 'since = "2026-12-01T00:00:00+01:00"\nrounding_charge = "Rounding {rule}"'},
        {"commercetools": 'api_url = "http://127.0.0.1:8080/ct"'},
        {"procurement": "margin_floor_percent = 12.5"},
        {"finance": 'refund_charge = ""\nposting = "auto"\ninvoice = "shipped"'},
    ],
)
def test_what_only_looks_like_a_mistake_is_accepted(tables: dict[str, str]) -> None:
    parse_settings(with_keys(**tables), source="t")


def test_all_mistakes_are_said_at_once() -> None:
    text = with_keys(
        connection='mode = "dry"',
        cin7="calls_per_minute = 30\ntimout_seconds = 4",
        intake="hot_seconds = 0\nsweep_seconds = 0",
        storage="retain_bodies_days = 500",
    )
    keys = {line.split(": ")[1] for line in lines_of(text)}
    assert keys == {
        "connection.mode",
        "cin7.timout_seconds",
        "intake.hot_seconds",
        "intake.sweep_seconds",
        "storage.retain_bodies_days",
    }


@pytest.mark.parametrize(
    "tables",
    [
        {"commercetools": 'client_secret = "hunter2"'},
        {"cin7": 'application_key = "hunter2"'},
        {"storage": 'storage_key = "hunter2"'},
        {"commercetools": 'auth_url = "https://id:hunter2@auth.example.com"'},
        {"owners": 'ops = { name = "Desk", channels = "https://u:hunter2@chat.example.com" }'},
        {"orders": 'unheard_of = "hunter2"'},
    ],
)
def test_a_secret_that_strayed_into_the_file_is_not_shown(tables: dict[str, str]) -> None:
    line = one_line(**tables)
    assert "hunter2" not in line


def test_a_strayed_secret_is_told_where_it_belongs() -> None:
    assert "secrets never stand in this file" in one_line(cin7='application_key = "x"')


def test_all_of_it_reaches_the_rules() -> None:
    settings = parse_settings(
        with_keys(
            orders='customer = { mode = "per-customer", name = "Web" }\nsplit_location = "Main Warehouse"\n'
            'discount_as = "lines"\nmost_rows = 50\nfirst = { shipping = ["Express"] }',
            mappings__charges='gift-card = { product = "Gift card redeemed", tender = true }',
            mappings__gift_cards='"GIFT-50" = "Gift card sold"',
            mappings__shipping='"Express" = "DHL Express"',
            mappings__fields='giftMessage = "ShippingNotes"',
            mappings__currencies='EUR = { customer = "Web EUR", rate = 1.17 }\nrate_max_age_days = 3',
        ),
        source="t",
    )
    plan = plan_of(settings, client_secret="s", application_key="k", storage_key=bytes(32))
    assert plan.sweeps.first == frozenset({"Express"})
    assert plan.stock.gift_cards == plan.fulfilment.gift_cards == frozenset({"GIFT-50"})
    assert plan.posting == PostingRules(
        customer="Web",
        location="Main Warehouse",
        tax={"GB/standard": "20% (VAT on Income)"},
        channels={"": ("Main Warehouse",)},
        customer_mode="per-customer",
        split_location="Main Warehouse",
        discount_as="lines",
        slugs={"gift-card": ChargeRule(product="Gift card redeemed", tender=True)},
        gift_cards={"GIFT-50": "Gift card sold"},
        carriers={"Express": "DHL Express"},
        fields={"giftMessage": "ShippingNotes"},
        currencies={"EUR": CurrencyRule(customer="Web EUR", rate="1.17")},
        rate_max_age=3,
        most_rows=50,
    )


def test_the_defaults_of_the_file_are_those_of_the_rules() -> None:
    """A rule built without settings (a test, a simulated run) is the one a plain file gives."""
    settings = parse_settings(REQUIRED, source="t")
    plain = PostingRules(
        customer=settings.orders.customer.name,
        location=settings.orders.location,
        tax=dict(settings.mappings.tax),
        channels={"": ("Main Warehouse",)},
    )
    assert posting_rules(settings) == plain


def test_what_finance_is_told_reaches_its_rules() -> None:
    settings = parse_settings(
        with_keys(
            connection='mode = "shadow"',
            orders='location = "Leeds"',
            cin7="quiet_seconds = 30\ntimeout_seconds = 45",
            finance='enabled = false\nposting = "auto"\ninvoice = "shipped"\nrefunds = "credit-note"\n'
            'tolerance_minor_units = 1\nfour_eyes = true\nrefund_charge = "Goodwill"',
            mappings__payments='"adyen/scheme" = "090"',
        ),
        source="t",
    )
    assert finance_rules(settings) == FinanceRules(
        enabled=False,
        posting="auto",
        invoice="shipped",
        refunds="credit-note",
        tolerance=1,
        four_eyes=True,
        accounts={"adyen/scheme": "090"},
        refund_charge="Goodwill",
        location="Leeds",
        shadow=True,
        quiet=30_000,
        timeout=45_000,
    )
    assert finance_rules(parse_settings(REQUIRED, source="t")) == FinanceRules(location="Main Warehouse")


SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.just([]), st.just({"a": 1})
)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_key_holds_it_is_read_or_refused_in_one_line_each(data: st.DataObject) -> None:
    """No value of the wrong kind gets through as an exception of another kind."""
    paths = [(table, name) for table, names in known_paths().items() if table and "." not in table for name in names]
    table, name = data.draw(st.sampled_from(paths))
    value = data.draw(SCALARS)
    text = with_keys(**{table: f"{name} = {toml(value)}"})
    try:
        parse_settings(text, source="t.toml")
    except SettingsError as error:
        assert error.problems
        assert all("\n" not in line for line in error.lines())


def toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'
        case dict():
            return "{ a = 1 }"
        case _:
            return repr(value)
