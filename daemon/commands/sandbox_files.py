"""What the sandbox writes into its folder: the daemon's configuration, its secrets, and a file of exchange rates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from daemon.commands.sandbox_people import owners

PROJECT = "sandbox"
DATABASE = "tallyd.db"
SOCKET = "tallyd.sock"
CONFIG = "tallyd.toml"
CREDENTIALS = "credentials"
RATES = "rates.csv"

EURO_CUSTOMER = "commercetools web orders EUR"
"""The customer that orders in euros are booked to; the sandbox enters it in its Cin7 Core."""

_EURO_RATES = ("0.86123", "0.8624", "0.86095", "0.8618", "0.8631", "0.86275", "0.8619")


class Doors(NamedTuple):
    """Where both systems push to, and the id of the subscription that commercetools pushes for."""

    port: int
    public_url: str
    subscription: str


def write_credentials(folder: Path, named: Mapping[str, str]) -> Path:
    """Write secrets as systemd would hand them over, a file each; return the folder, for $CREDENTIALS_DIRECTORY."""
    path = folder / CREDENTIALS
    path.mkdir(mode=0o700, exist_ok=True)
    for leftover in path.iterdir():  # a secret that is not given this time must not be found
        leftover.unlink()
    for name, value in named.items():
        (path / name).touch(mode=0o600)
        (path / name).write_text(value, encoding="ascii")
    return path


def write_rates(folder: Path, today: date) -> Path:
    """Write a week of made-up rates up to today."""
    path = folder / RATES
    days = [today - timedelta(days=ago) for ago in range(len(_EURO_RATES))]
    lines = [f"{day},EUR,{rate}" for day, rate in zip(reversed(days), _EURO_RATES, strict=True)]
    path.write_text("\n".join(["date,currency,rate", *lines, ""]), encoding="ascii")
    return path


def write_config(
    folder: Path,
    *,
    shop_port: int,
    cin7_port: int,
    account: str,
    operator_port: int,
    limit: int,
    doors: Doors | None,
    people: bool = False,
    posting: str = "auto",
    refresh_seconds: int | None = None,
) -> Path:
    """Write the sandbox's configuration: everything its orders need, and nothing for those that are to be held."""
    path = folder / CONFIG
    path.write_text(
        f"""# Written by `tallyd sandbox`.
[connection]
name = "sandbox"

[commercetools]
project_key = "{PROJECT}"
api_url = "http://127.0.0.1:{shop_port}"
auth_url = "http://127.0.0.1:{shop_port}"
client_id = "sandbox-client"

[cin7]
base_url = "http://127.0.0.1:{cin7_port}/ExternalApi/v2"
account_id = "{account}"
calls_per_minute = {limit}

[storage]
path = "{(folder / DATABASE).resolve()}"

[operator]
bind = "127.0.0.1:{operator_port}"

[intake]
census_seconds = 60
{_doors(doors) if doors is not None else ""}
[orders]
since = "2020-01-01T00:00:00Z"
trigger = {{ order_states = ["Open", "Confirmed"], payment = "paid" }}
{"" if refresh_seconds is None else f"refresh_seconds = {refresh_seconds}"}
first = {{ shipping = ["Royal Mail Tracked 24"] }}

[finance]
posting = "{posting}"
refunds = "credit-note"

[mappings.payments]
"adyen/scheme" = "090"
"giftcard" = "850"

[mappings.tax]
"GB/standard" = "20% (VAT on Income)"
"GB/reduced" = "5% (VAT on Income)"
"GB/zero" = "Zero Rated Income"

[mappings.charges]
"gift-wrap" = {{ product = "Gift wrap" }}
"voucher" = {{ product = "Voucher" }}
"gift-card" = {{ product = "Gift card redeemed", tender = true }}

[mappings.shipping]
"Royal Mail Tracked 24" = "Royal Mail"
"Royal Mail Tracked 48" = "Royal Mail"

[mappings.fields]
giftMessage = "ShippingNotes"
leaveWith = "ShippingNotes"
giftReceipt = "AdditionalAttribute1"

[mappings.currencies]
EUR = {{ customer = "{EURO_CUSTOMER}", rate = "file:{(folder / RATES).resolve()}" }}
rate_max_age_days = 3

{owners() if people else ""}""",
        encoding="utf-8",
    )
    return path


def _doors(doors: Doors) -> str:
    """Write the doors' keys; the grace is short, so that what a door missed is told while somebody watches."""
    return f"""bind = "127.0.0.1:{doors.port}"
eventgrid = {{ topic = "/subscriptions/sandbox/topics/orders" }}
subscription = "{doors.subscription}"
cin7_webhooks = true
public_url = "{doors.public_url}"
push_grace_seconds = 20
"""
