"""What two keys of the file say against each other. Each rule looks only at tables that could be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from actors.domain.alerting import THRESHOLDS
from daemon.settings_checks import LONGEST_SOCKET_PATH, OWNERS, split_bind
from daemon.settings_reader import Problem, quoted, shown

WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound
LOOPBACK = "127.0.0.1"
RATE_PLACES = 5


def contradictions(tables: Mapping[str, Any], document: Mapping[str, Any]) -> list[Problem]:
    """List the contradictions. `tables` are the records by name (missing: unreadable); `document` is the file."""
    problems: list[Problem] = []
    if "cin7" in tables:
        problems += _calls(tables["cin7"])
    if "storage" in tables:
        problems += _storage(tables["storage"])
    if "storage" in tables and "operator" in tables:
        problems += _socket(tables["storage"], tables["operator"])
    if "operator" in tables and "intake" in tables:
        problems += _binds(tables["operator"].bind, tables["intake"].bind)
    if "orders" in tables and "mappings" in tables:
        problems += _location(tables["orders"], document)
        problems += _currency_customers(tables["orders"].customer.name, tables["mappings"].currencies)
    if "catalogue" in tables and "mappings" in tables:
        problems += _catalogue(tables["catalogue"], tables["mappings"].product_types)
    if "mappings" in tables:
        problems += _channels(tables["mappings"].channels)
        problems += _slugs(tables["mappings"].charges)
        problems += _gift_cards(tables["mappings"])
        problems += _currencies(tables["mappings"].currencies)
    if "alerts" in tables:
        problems += _thresholds(tables["alerts"].thresholds)
    if "alerts" in tables and "owners" in tables:
        problems += _escalation(tables["owners"], document)
    return problems


def _thresholds(thresholds: Mapping[str, float]) -> Iterator[Problem]:
    for name in thresholds:
        if name not in THRESHOLDS:
            yield Problem(
                f"alerts.thresholds.{quoted(name)}", "is no threshold", f"write one of {', '.join(THRESHOLDS)}"
            )


def _escalation(owners: Any, document: Mapping[str, Any]) -> Iterator[Problem]:
    """Only what the file says: by default it is told, if anybody is."""
    for name in document.get("alerts", {}).get("escalate_to", ()):
        if name in OWNERS and getattr(owners, name) is None:
            yield Problem(
                "alerts.escalate_to", f"names {shown(name)}, whom [owners] does not", f"add {name} to [owners]"
            )


def _calls(cin7: Any) -> Iterator[Problem]:
    shares, reserve, limit = cin7.shares.total, cin7.reserve, cin7.calls_per_minute
    if shares + reserve >= limit:
        yield Problem(
            "cin7.shares",
            f"the shares ({shares}) and the reserve ({reserve}) use up all of calls_per_minute = {limit}: "
            "nothing is left for orders",
            f"lower them until shares + reserve is less than {limit}",
        )


def _storage(storage: Any) -> Iterator[Problem]:
    if storage.retain_bodies_days > storage.retain_days:
        yield Problem(
            "storage.retain_bodies_days",
            f"{storage.retain_bodies_days} is more than retain_days = {storage.retain_days}: "
            "personal data would outlive its order",
            "lower it",
        )


def _socket(storage: Any, operator: Any) -> Iterator[Problem]:
    beside = re.sub(r"[^/]*$", "tallyd.sock", storage.path)
    if operator.socket is None and len(beside.encode()) > LONGEST_SOCKET_PATH:
        yield Problem(
            "operator.socket",
            f"its default {shown(beside)} is longer than {LONGEST_SOCKET_PATH} bytes, the most a socket may have",
            'write a shorter path, for example socket = "/run/tallyd/tallyd.sock"',
        )


def _binds(operator: str, intake: str) -> Iterator[Problem]:
    ours, theirs = split_bind(operator), split_bind(intake)
    if ours is None or theirs is None or ours[1] != theirs[1] or ours[1] == 0:
        return
    hosts = {LOOPBACK if host == "localhost" else host for host in (ours[0], theirs[0])}
    if len(hosts) == 1 or hosts & WILDCARDS:
        yield Problem(
            "intake.bind",
            f"{shown(intake)} is taken by [operator] bind = {shown(operator)}",
            "give one of them another port: the doors of intake may be exposed, the operator's not",
        )


def _location(orders: Any, document: Mapping[str, Any]) -> Iterator[Problem]:
    channels = document.get("mappings", {}).get("channels", {})
    fed_by = channels.get("", [orders.location])
    if orders.location not in fed_by:
        yield Problem(
            'mappings.channels.""',
            f"{shown(fed_by)} does not hold [orders] location = {shown(orders.location)}: orders would be booked where "
            "the stock they are sold from is not counted",
            "name the same location in both",
        )


def _channels(channels: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    """A unit may be sold once: stock of one place cannot stand in two entries of the storefront."""
    fed: dict[str, str] = {}
    for channel, locations in channels.items():
        for location in dict.fromkeys(locations):
            other = fed.setdefault(location, channel)
            if other != channel:
                yield Problem(
                    f"mappings.channels.{quoted(channel)}",
                    f"{shown(location)} feeds {shown(other)} already: the same units would be sold twice",
                    "let each location feed one entry",
                )


def _slugs(charges: Mapping[str, Any]) -> Iterator[Problem]:
    if any(not slug.strip() for slug in charges):
        yield Problem(
            'mappings.charges.""',
            "names no slug: no custom line could be meant",
            "write the slug of the commercetools custom line",
        )


def _gift_cards(mappings: Any) -> Iterator[Problem]:
    """What is sold as a debt cannot be a tender, or revenue, under the same name."""
    for name in mappings.gift_cards:
        key = f"mappings.gift_cards.{quoted(name)}"
        if not name.strip():
            yield Problem(key, "names no SKU and no slug: no line could be meant", "write the SKU of the gift card")
        elif name in mappings.charges:
            yield Problem(
                key,
                f"stands in [mappings.charges] too: {shown(name)} would be sold as a debt, and booked as a charge",
                "name it in one of them",
            )


def _catalogue(catalogue: Any, product_types: Mapping[str, str]) -> Iterator[Problem]:
    """Whether a key names something that commercetools holds, only the wire can tell; that none is named, the file."""
    for key in ("create_drafts", "unpublish_unmatched"):
        if getattr(catalogue, key) and not catalogue.enabled:
            yield Problem(
                f"catalogue.{key}", "is true while enabled = false: nothing of it would be done", "switch one"
            )
    if catalogue.enabled and catalogue.create_drafts and not catalogue.product_type and not product_types:
        yield Problem(
            "catalogue.create_drafts",
            "is true, and neither product_type nor [mappings.product_types] names a product type: no draft could be "
            "made",
            'write the key of one, for example product_type = "main"',
        )


def _currency_customers(single: str, currencies: Any) -> Iterator[Problem]:
    """A customer of Cin7 Core has one currency, so no two currencies can be booked to one."""
    taken = {single: "[orders] customer"}
    for code, mapping in currencies.by_code.items():
        other = taken.setdefault(mapping.customer, f"[mappings.currencies] {code}")
        if other != f"[mappings.currencies] {code}":
            yield Problem(
                f"mappings.currencies.{quoted(code)}.customer",
                f"{shown(mapping.customer)} is that of {other} already, and a Cin7 Core customer has one currency",
                f"name a customer that holds {code}",
            )


def _currencies(currencies: Any) -> Iterator[Problem]:
    for code, mapping in currencies.by_code.items():
        key = f"mappings.currencies.{quoted(code)}"
        if not re.fullmatch(r"[A-Z]{3}", code):
            yield Problem(key, f"{shown(code)} is not a currency code", "write three capital letters, for example EUR")
        rate = mapping.rate
        figure = re.fullmatch(r"\d{1,12}(\.\d{1,12})?", rate, re.ASCII) and float(rate) > 0
        if rate.startswith("file:") and not rate.startswith("file:/"):
            yield Problem(
                f"{key}.rate",
                f"{shown(rate)} is no absolute path: the daemon and the commands run in different folders",
                'write for example rate = "file:/etc/tallyd/rates.csv"',
            )
        elif figure and len(rate.partition(".")[2]) > RATE_PLACES:
            yield Problem(
                f"{key}.rate",
                f"{shown(rate)} has more than {RATE_PLACES} decimals, which Cin7 Core does not take",
                "write at most five, for example 0.86123",
            )
        elif rate != "cin7-last" and not re.fullmatch(r"file:.+", rate) and not figure:
            yield Problem(
                f"{key}.rate", f"{shown(rate)} is no rate", 'write "cin7-last", "file:PATH" or a figure above 0'
            )
