"""A reading that behaves: enough that each page has something to show, and it remembers what was asked of it.

Its shapes are those the protocols name; its texts are hostile where a person or another system could have written them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import msgspec

from actors.desk.acting import Case, who_may
from actors.domain.exception_life import ExceptionFilter
from actors.domain.exception_types import CATALOGUE
from actors.domain.time import format_instant
from adapters.operator.access import Person
from adapters.operator.alert_api import AlertListQuery, Document
from adapters.operator.desk_api import Deed, DeedItemQuery, DeedListQuery, ExceptionListQuery
from adapters.operator.list_api import OrderSearch
from adapters.operator.mapping_api import MappingDraft
from adapters.operator.patch_api import PatchDraft
from adapters.operator.problems import ProblemError
from adapters.operator.reading import MarginQuery, PlanQuery, PostingQuery, SkuQuery
from adapters.operator.record_api import AuditQuery

NOW = 1_796_083_200_000
HOUR = 3_600_000
FLOWS = ("intake", "orders", "catalogue", "census", "stock", "fulfilment", "finance", "procurement", "desk")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
"""What somebody could put into a name, a reason or a SKU."""


def ago(hours: float) -> str:
    return format_instant(NOW - round(hours * HOUR))


def an_exception(number: int, **changes: Any) -> dict[str, Any]:
    kind = CATALOGUE[changes.pop("type", "sku_unknown")]
    record = {"kind": "order", "id": f"order-{number}", "number": f"A-{number}", "sku": "TEE-M", "field": ""}
    base = {
        "id": number,
        "type": kind.code,
        "owner": kind.owner.value,
        "state": "open",
        "severity": kind.severity.value,
        "record": record,
        "cause": "Cin7 Core has no product TEE-M",
        "next_step": kind.steps[0],
        "steps": list(kind.steps),
        "clears": kind.clears,
        "facts": {"net commercetools": "16.66", "net Cin7 Core": "16.67", "lines": "2"},
        "opened_at": ago(number),
        "due_at": ago(number - 24),
        "next_attempt_at": None,
        "resolved_at": None,
        "resolution": None,
        "group": f"{kind.code}:TEE/M",
        "stage": "open",
        "assignee": "",
        "snoozed_until": None,
        "reopens": None,
        "holds": kind.holds,
    }
    return base | changes


def an_order(number: int, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": f"order-{number}",
        "number": f"A-{number}",
        "state": "held",
        "state_since": ago(2),
        "reason": "sku_unknown",
        "created_at": ago(3),
        "accepted_at": ago(2.5),
        "currency": "GBP",
        "payable": "19.99",
        "cin7": {"sale_id": None, "number": None, "reference": None},
        "open_exceptions": 1,
    }
    return base | changes


class Desk:
    """Exceptions."""

    def __init__(self) -> None:
        self.all = [
            an_exception(1),
            an_exception(2, cause=HOSTILE, assignee="olga", stage="assigned"),
            an_exception(30, type="totals_differ" if "totals_differ" in CATALOGUE else next(iter(CATALOGUE))),
        ]
        self.done: dict[str, dict[str, Any]] = {}
        self.asked: list[Any] = []

    def matching(self, where: ExceptionFilter) -> list[dict[str, Any]]:
        return [
            one
            for one in self.all
            if where.owner in ("", one["owner"])
            and where.type in ("", one["type"])
            and where.group in ("", one["group"])
            and where.severity in ("", one["severity"])
            and where.stage in ("", one["stage"])
            and where.assignee in ("", one["assignee"])
            and where.state in ("all", one["state"])
            and where.text in f"{one['record']['number']} {one['record']['sku']} {one['cause']}"
        ]

    async def exceptions(self, query: ExceptionListQuery) -> Document:
        self.asked.append(query)
        found = self.matching(query.where)
        return {"items": found[: query.limit], "next": "later" if found else None, "total": len(found)}

    async def exceptions_csv(
        self, where: ExceptionFilter, *, after: str, sort: str = "opened_at", descending: bool = False
    ) -> tuple[str, str | None]:
        rows = "".join(f"{one['id']},{one['type']}\r\n" for one in self.matching(where))
        return ("id,type\r\n" if not after else "") + rows, None if after else "more"

    async def incidents(
        self, where: ExceptionFilter, *, after: str, limit: int, sort: str = "count", descending: bool = True
    ) -> Document:
        groups: dict[str, list[dict[str, Any]]] = {}
        for one in self.matching(where):
            groups.setdefault(one["group"], []).append(one)
        items = [
            {
                **{
                    name: rows[0][name]
                    for name in ("group", "type", "owner", "severity", "cause", "next_step", "steps")
                },
                "count": len(rows),
                "oldest_at": rows[0]["opened_at"],
                "due_at": rows[0]["due_at"],
                "sku": rows[0]["record"]["sku"],
                "field": "",
                "example": rows[0]["id"],
            }
            for rows in groups.values()
        ]
        return {"items": items[:limit], "next": None, "total": len(items)}

    async def exception(self, exception_id: int) -> Document | None:
        found = next((one for one in self.all if one["id"] == exception_id), None)
        if found is None:
            return None
        life = [
            {"at": found["opened_at"], "what": "opened", "author": "", "detail": ""},
            {"at": ago(0.5), "what": "note", "author": "olga", "detail": HOSTILE},
        ]
        actions = ["retry", "dismiss", "assign", "snooze", "alias"]
        case = Case(type=found["type"], owner=found["owner"], kind="order")
        return {
            **found,
            "life": life,
            "order": an_order(exception_id),
            "siblings": 2,
            "actions": actions,
            "roles": {action: sorted(who_may(action, case)) for action in actions},
        }

    async def preview(self, deed: Deed, person: Person) -> Document:
        self.asked.append(deed)
        chosen = self._chosen(deed)
        return {
            "action": deed.action,
            "count": len(chosen),
            "would": [{"what": "be judged again", "count": len(chosen)}] if chosen else [],
            "refused": [{"why": "it waits for nobody", "count": 1}],
            "examples": [{"id": one["id"], "number": one["record"]["number"], "what": "goes on"} for one in chosen],
            "calls": 2 * len(chosen),
            "minutes": 0.1,
            "allowed": "viewer" not in person.roles,
            "why_not": "Needs the role ops.",
        }

    def _chosen(self, deed: Deed) -> list[dict[str, Any]]:
        if deed.ids is None:
            return self.matching(deed.where)
        return [one for one in self.all if one["id"] in deed.ids]

    async def do(self, key: str, deed: Deed, person: Person) -> Document:
        self.asked.append((key, deed, person.name))
        chosen = self._chosen(deed)
        self.done.setdefault(
            key,
            {
                "key": key,
                "action": deed.action,
                "author": person.name,
                "at": ago(0),
                "total": len(chosen),
                "done": len(chosen),
                "refused": 0,
                "unchanged": 0,
                "ended_at": ago(0),
                "reason": deed.reason,
                "message": f"{len(chosen)} are judged again.",
                "refusals": [],
            },
        )
        return self.done[key]

    async def deeds(self, query: DeedListQuery) -> Document:
        return {"items": list(self.done.values()), "next": None, "total": len(self.done)}

    async def deeds_csv(self, query: DeedListQuery, *, after: str) -> tuple[str, str | None]:
        return "key,action\r\n", None

    async def deed_items(self, key: str, query: DeedItemQuery) -> Document | None:
        if key not in self.done:
            return None
        item = {
            "exception": 2,
            "record_kind": "order",
            "record_id": "order-2",
            "number": "A-2",
            "outcome": "refused",
            "message": HOSTILE,
        }
        return {"items": [item], "next": "more", "total": 90}

    async def deed_items_csv(self, key: str, query: DeedItemQuery, *, after: str) -> tuple[str, str | None]:
        return "exception,outcome\r\n2,refused\r\n", None

    async def people(self) -> list[str]:
        return ["fred", "ian", "olga"]

    async def deed(self, key: str) -> Document | None:
        return self.done.get(key)


class Mappings:
    """Mapping rows."""

    def __init__(self) -> None:
        self.put: list[tuple[str, MappingDraft, str]] = []

    async def mappings(self, kind: str) -> Document:
        rows = [
            {
                "kind": "tax",
                "key": "standard",
                "value": "20% (VAT on Income)",
                "tender": False,
                "source": "file",
                "version": None,
                "author": "",
                "reason": "",
                "at": None,
                "file_value": "20% (VAT on Income)",
            },
            {
                "kind": "shipping",
                "key": HOSTILE,
                "value": "Standard",
                "tender": False,
                "source": "desk",
                "version": 3,
                "author": "olga",
                "reason": "new method",
                "at": ago(5),
                "file_value": None,
            },
        ]
        history = [
            {"version": 3, "kind": "shipping", "key": "x", "value": "y", "author": "olga", "reason": "r", "at": ago(5)}
        ]
        return {"items": [row for row in rows if kind in ("", row["kind"])], "history": history, "version": 3}

    async def try_mapping(self, draft: MappingDraft) -> Document:
        return {
            "looked_at": 500,
            "unreadable": 0,
            "same": 497,
            "would_go_on": 3,
            "would_be_held": 0,
            "would_differ": 0,
            "waiting_now": 3,
            "examples": [{"order": "order-1", "number": "A-1", "before": "held: no tax", "after": "goes on"}],
            "warnings": ["Cin7 Core has no rule of this name."],
        }

    async def map(self, key: str, draft: MappingDraft, person: Person) -> Document:
        self.put.append((key, draft, person.name))
        return {"done": True, "message": "The row is in force; 3 orders are judged again.", "version": 4, "orders": 3}


class Patches:
    """Edits."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    async def editable(self, ref: str, person: Person, *, opened: bool) -> Document | None:
        if ref == "nobody":
            return None
        may = bool(person.roles & {"ops", "admin"})
        personal = opened and may
        return {
            "order": ref,
            "number": "A-1",
            "personal": personal,
            "fields": [
                {
                    "field": "alias",
                    "name": "TEE-M",
                    "original": "TEE-M",
                    "now": "TEE-M",
                    "patched": False,
                    "lost": False,
                },
                {
                    "field": "address",
                    "name": "city",
                    "original": "Leeds" if personal else None,
                    "now": HOSTILE if personal else None,
                    "patched": True,
                    "lost": False,
                },
            ],
            "history": [
                {
                    "id": 7,
                    "field": "address",
                    "author": "olga",
                    "reason": "the customer wrote",
                    "at": ago(1),
                    "withdrawn_at": None,
                    "names": ["city"],
                }
            ],
            "may_edit": may,
            "why_not": "" if may else "Needs the role ops.",
        }

    async def patch(self, key: str, ref: str, draft: PatchDraft, person: Person) -> Document:
        self.made.append((key, ref, draft, person.name))
        return {
            "done": True,
            "message": "Recorded; the order is looked at again.",
            "order": ref,
            "number": "A-1",
            "patch": 8,
        }

    async def withdraw(self, ref: str, patch_id: int, person: Person, *, reason: str) -> Document:
        self.made.append((ref, patch_id, person.name, reason))
        return {"done": True, "message": "Taken back.", "order": ref, "number": "A-1", "patch": patch_id}

    async def payloads(self, ref: str, person: Person) -> Document | None:
        if ref == "nobody":
            return None
        body = {"orderNumber": "A-1", "email": "•••", "note": HOSTILE}
        return {
            "personal": False,
            "bodies": [{"kind": "order", "version": 4, "stored_at": ago(2), "bytes": 2000, "document": body}],
        }


class Alerts:
    """Alerts."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.window: dict[str, Any] | None = None

    async def alerts(self, query: AlertListQuery) -> Document:
        alert = {
            "id": 1,
            "rule": "oldest_order",
            "owner": "ops",
            "subject": "orders",
            "severity": "error",
            "title": "Orders wait for two hours",
            "text": HOSTILE,
            "link": "/orders?state=held",
            "count": 3,
            "raised_at": ago(1),
            "ended_at": None,
            "escalated_at": None,
            "notices": [
                {"kind": "raised", "owner": "ops", "channel": "slack", "state": "sent", "sent_at": ago(1), "error": ""},
                {
                    "kind": "raised",
                    "owner": "ops",
                    "channel": "mailto",
                    "state": "failed",
                    "sent_at": None,
                    "error": "refused",
                },
            ],
        }
        return {"items": [alert], "next": None, "total": 1}

    async def alerts_csv(self, query: AlertListQuery, *, after: str) -> tuple[str, str | None]:
        return "id,title\r\n1,Orders wait\r\n", None

    async def rules(self) -> Document:
        return {
            "items": [
                {
                    "rule": "oldest_order",
                    "meaning": "An order waits too long",
                    "threshold": 60,
                    "unit": "minutes",
                    "owner": "ops",
                    "now": 120,
                    "over": True,
                }
            ],
            "channels": [{"owner": "ops", "name": "Olga", "schemes": ["slack", "mailto"]}],
            "quiet_hours": "22:00-07:00",
            "quiet_now": False,
            "digest_at": "08:00",
        }

    async def maintenance(self) -> Document:
        return {"now": self.window, "items": [self.window] if self.window else []}

    async def start_maintenance(self, person: Person, *, until: str, reason: str) -> Document:
        self.asked.append(("start", person.name, until, reason))
        self.window = {
            "id": 1,
            "starts_at": ago(0),
            "ends_at": ago(-2),
            "author": person.name,
            "reason": reason,
            "source": "desk",
            "ended_at": None,
        }
        return {"done": True, "message": "Alerts are held back."}

    async def end_maintenance(self, person: Person, *, reason: str) -> Document:
        self.asked.append(("end", person.name, reason))
        self.window = None
        return {"done": True, "message": "Alerts are sent again."}

    async def try_channels(self, owner: str, person: Person) -> Document:
        return {
            "items": [
                {"channel": "slack", "sent": True, "error": ""},
                {"channel": "mailto", "sent": False, "error": "refused"},
            ]
        }

    async def digest(self, owner: str) -> Document:
        return {"owner": owner, "title": f"The day of {owner}", "text": "3 open\n1 overdue", "items": []}


class Lists:
    """What pages show beside."""

    def __init__(self, health: Any) -> None:
        self._health = health
        self.searched: list[OrderSearch] = []

    async def overview(self) -> Document:
        samples = [
            {
                "at": ago(24 - step / 4),
                "limit": 60,
                "in_window": (step * 7) % 55,
                "queued": {"orders": step % 9},
                "minutes_to_drain": (step % 30) / 3,
                "outbox_ready": step % 20,
                "open_exceptions": 12,
            }
            for step in range(96)
            if not 40 < step < 50
        ]
        return {
            "health": await self._health(),
            "owners": [
                {"owner": "ops", "open": 2, "overdue": 0, "critical": 0, "oldest_at": ago(3)},
                {"owner": "finance", "open": 5, "overdue": 1, "critical": 0, "oldest_at": ago(30)},
                {"owner": "ecommerce", "open": 503, "overdue": 3, "critical": 1, "oldest_at": ago(60)},
                {"owner": "it", "open": 0, "overdue": 0, "critical": 0, "oldest_at": None},
            ],
            "orders": {
                "not_in_cin7": 512,
                "by_reason": [
                    {"reason": "sku_unknown", "state": "held", "count": 500, "oldest_at": ago(26)},
                    {"reason": "", "state": "awaiting", "count": 9, "oldest_at": ago(2)},
                    {"reason": "", "state": "in_doubt", "count": 3, "oldest_at": ago(0.2)},
                ],
                "oldest_waiting_at": ago(26),
            },
            "finance": {
                "to_release": 41,
                "days": [
                    {"day": "2026-11-25", "orders": 11, "amounts": ["812.40 GBP", "99.00 EUR"]},
                    {"day": "2026-11-26", "orders": 30, "amounts": ["2,200.10 GBP"]},
                ],
                "differ": 4,
            },
            "backlog": {"calls": 240, "minutes": 4.2, "gone_at": ago(-0.07), "per_lane": {"orders": 12, "stock": 228}},
            "stock": {
                "oldest_read_at": ago(0.3),
                "age_seconds": 1080,
                "median_age_seconds": 240,
                "skus": 10412,
                "stale": 3,
                "blocked": 2,
            },
            "samples": samples,
        }

    async def budget(self, *, hours: int) -> Document:
        return {"limit": 60, "samples": []}

    async def orders(self, query: OrderSearch) -> Document:
        self.searched.append(query)
        found = [
            an_order(1),
            an_order(2, state="exported", reason="", cin7={"sale_id": "s", "number": "SO-2", "reference": "r"}),
        ]
        found = [one for one in found if query.text in ("", one["number"])]
        return {"items": found, "next": "later", "total": None}

    async def orders_csv(self, query: OrderSearch, *, after: str) -> tuple[str, str | None]:
        return "number,state\r\nA-1,held\r\n", None

    async def stock(self, *, state: str, text: str, sort: str, descending: bool, after: str, limit: int) -> Document:
        entries = [{"channel": "web", "published": 4, "available": 6, "target": 4, "expected_delivery": None}]
        item = {
            "sku": "TEE/M",
            "name": HOSTILE,
            "known": True,
            "blocked": True,
            "read_at": ago(0.2),
            "age_seconds": 720,
            "standing": "ours",
            "entries": entries,
        }
        return {"items": [item], "next": None, "total": 1}

    async def stock_csv(
        self, *, state: str, text: str, sort: str, descending: bool, after: str
    ) -> tuple[str, str | None]:
        return "sku\r\nTEE/M\r\n", None

    async def stock_lookup(self, skus: Sequence[str]) -> tuple[Document, str]:
        return {"items": []}, '""'

    async def stock_history(self, sku: str, *, days: int) -> Document:
        points = [
            {"at": ago(24 * (13 - day)), "quantity": 20 - day, "available": 22 - day, "step": "sale"}
            for day in range(13)
        ]
        return {"sku": sku, "channels": [{"channel": "web", "points": points}, {"channel": "", "points": []}]}

    async def settings(self) -> Document:
        keys = [
            {"key": "client_id", "value": "client", "default": None, "given": True, "secret": False},
            {"key": "password", "value": "•••", "default": None, "given": True, "secret": True},
        ]
        return {
            "file": "/etc/tallyd/tallyd.toml",
            "hash": "f" * 64,
            "tables": [{"name": "commercetools", "keys": keys}],
            "secrets": [{"name": "storage_key", "given": True, "meaning": "encrypts people's data"}],
        }


class Records:
    """The audit and the model."""

    async def audit(self, query: AuditQuery) -> Document:
        row = {
            "id": 9,
            "at": ago(1),
            "author": "olga",
            "action": "retry",
            "record": "exception:1",
            "detail": {"reason": HOSTILE},
            "hash": "a" * 64,
        }
        return {"items": [row], "next": None, "head": "a" * 64}

    async def audit_csv(self, query: AuditQuery) -> tuple[str, str | None]:
        return "id,at\r\n9,x\r\n", None

    async def verify(self, *, seen: str = "") -> Document:
        return {"holds": True, "rows": 9, "head": "a" * 64, "broken_at": None, "why": ""}

    async def model(self) -> Document:
        return {
            "hash": "0123456789abcdef" * 4,
            "text": "who masters what",
            "sections": [
                {"title": "Who masters what", "columns": ["data", "master"], "rows": [["stock", "Cin7 Core"]]}
            ],
        }


class FakeReading:
    """Implements `OperatorReading`."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.mappings = Mappings()
        self.patches = Patches()
        self.alerts = Alerts()
        self.lists = Lists(self.health)
        self.records = Records()
        self.acted: list[tuple[Any, ...]] = []
        self.paused: set[str] = set()
        self.asked, self.answers = anyio.Event(), anyio.Event()
        self.answers.set()

    async def health(self) -> Document:
        self.asked.set()
        await self.answers.wait()
        flows = {
            name: {
                "state": "paused" if name in self.paused else "running",
                "queued": 3,
                "quarantined": 0,
                "last_success_at": ago(0.01),
                "paused_at": ago(0.1) if name in self.paused else None,
                "paused_by": "ian" if name in self.paused else None,
                "pause_reason": HOSTILE if name in self.paused else "",
            }
            for name in (
                "intake",
                "orders",
                "catalogue",
                "census",
                "stock",
                "fulfilment",
                "finance",
                "procurement",
                "desk",
            )
        }
        return {
            "status": "degraded",
            "reasons": ["3 open: connection_refused"],
            "version": "0.1.0",
            "mode": "shadow",
            "connection": "shop-uk",
            "flows": flows,
            "governor": {"limit": 60, "in_window": 31, "minutes_to_drain": 4.2, "queued": {"orders": 12, "stock": 228}},
            "outbox": {"ready": 17},
            "exceptions": {"ops": 2},
        }

    async def ready(self) -> bool:
        return True

    async def metrics(self) -> tuple[bytes, str]:
        return b"", "text/plain"

    async def order(self, ref: str) -> Document | None:
        if ref == "nobody":
            return None
        figures = {"net": "16.66", "tax": "3.33", "total": "19.99"}
        return {
            **an_order(1),
            "version": 4,
            "sales": [],
            "trace_id": "ab" * 16,
            "totals": {
                "currency": "GBP",
                "payable": "19.99",
                "predicted": figures,
                "cin7": {**figures, "tax": "3.34"},
                "reconciled": False,
                "rate": {"rate": "1.17", "day": "2026-11-25", "source": "ECB"},
                "tolerated": "0.00",
                "breakdown": {"tax commercetools": "3.33", "tax Cin7 Core": "3.34"},
            },
            "sides": {
                "commercetools": {
                    "as_of": ago(1),
                    "order": "Open",
                    "payment": "Paid",
                    "shipment": "",
                    "deliveries": {"1": HOSTILE},
                    "returns": {},
                },
                "cin7": {
                    "as_of": ago(1),
                    "sale_id": "s-1",
                    "number": "SO-1",
                    "status": "ORDERED",
                    **dict.fromkeys(("picking", "packing", "shipping", "invoicing", "tracking"), "NOT AVAILABLE"),
                    "voided": False,
                    "fulfilments": {},
                    "credit_notes": {"CR-1": "AUTHORISED"},
                },
            },
            "refunds": [
                {
                    "id": "t1",
                    "provider_id": "re_1",
                    "amount": "5.00",
                    "minor_units": 500,
                    "currency": "GBP",
                    "state": "Success",
                    "credit_note": None,
                }
            ],
            "books": {
                "verdict": "differs",
                "step": "release",
                "day": "2026-11-26",
                "currency": "GBP",
                "decision": None,
                "totals": {"ordered": figures, "sold": {**figures, "tax": "3.34"}, "invoiced": None},
                "documents": [
                    {
                        "side": "cin7",
                        "kind": "invoice",
                        "number": "INV-1",
                        "id": "i1",
                        "day": "2026-11-26",
                        "total": "20.00",
                        "verified_at": None,
                    }
                ],
                "discrepancies": [
                    {
                        "component": "line",
                        "where": "TEE-M",
                        "reason": "rounding",
                        "wrong": True,
                        "net": "0.00",
                        "tax": "0.01",
                        "commercetools": {"figure": "3.33", "document": "", "rule": ""},
                        "cin7": {"figure": "3.34", "document": "", "rule": ""},
                    }
                ],
                "postings": [],
            },
            "timeline": [
                {"at": ago(2.5), "what": "accepted", "source": "step", "found_by": "hot sweep"},
                {"at": ago(2.4), "what": "POST /sale", "source": "call", "lane": "orders", "outcome": HOSTILE},
                {"at": ago(1), "what": "retry", "source": "person", "author": "olga"},
            ],
            "timeline_left_out": 2,
            "exceptions": [an_exception(1)],
        }

    async def stock_of(self, sku: str) -> Document | None:
        if sku == "nothing":
            return None
        return {
            "sku": sku,
            "standing": "ours",
            "name": HOSTILE,
            "read_at": ago(0.2),
            "age_seconds": 720,
            "block": {"until": None, "reason": HOSTILE, "by": "olga", "at": ago(4)} if sku == "TEE/M" else None,
            "entries": [
                {
                    "channel": "web",
                    "published": 4,
                    "target": 4,
                    "capacity": 6,
                    "put": 5,
                    "available": 6,
                    "uncounted": 1,
                    "buffer": 1,
                    "read_at": ago(0.2),
                    "waits": "",
                    "refused": "",
                    "pending": None,
                    "published_at": ago(3),
                    "expected_delivery": None,
                    "sum": {"available": 6, "uncounted": [1, 1], "buffer": 1, "target": [4, 4]},
                }
            ],
            "locations": {
                "Leeds": {"available": "6", "on_hand": "7", "allocated": "1", "on_order": "0", "in_transit": "0"}
            },
            "on_order": "0",
            "in_transit": "0",
            "incoming": [{"purchase": "PO-1", "location": "Leeds", "units": "20", "day": "2026-12-01"}],
            "history": [],
        }

    async def skus(self, query: SkuQuery) -> Document:
        item = {
            "sku": "TEE/M",
            "match": "only_commercetools",
            "flags": ["near_miss"],
            "near": ["TEE-M"],
            "published": True,
            "item_id": None,
            "product_id": "p1",
            "suggestion": "TEE-M looks like it",
        }
        counts = {
            "ready": True,
            "matched": 10_000,
            "only_cin7": 12,
            "only_commercetools": 3,
            "unmatched_published": 1,
            "flags": {"near_miss": 1},
            "cin7_percent": 99.8,
            "commercetools_percent": 99.9,
        }
        return {"items": [item], "next": None, "total": 1, "counts": counts}

    async def sku_table(self, query: SkuQuery, *, head: bool) -> tuple[str, str | None]:
        return "sku\r\nTEE/M\r\n", None

    async def sku_of(self, sku: str) -> Document | None:
        if sku == "nothing":
            return None
        found = (await self.skus(SkuQuery()))["items"][0]
        return {
            **found,
            "sku": sku,
            "cin7": [
                {
                    "item_id": "i1",
                    "name": HOSTILE,
                    "status": "Active",
                    "sellable": True,
                    "type": "Stock",
                    "category": "Tees",
                    "family": None,
                    "barcode": None,
                    "fit_at": ago(400),
                }
            ],
            "commercetools": [
                {
                    "product_id": "p1",
                    "name": "Tee",
                    "key": None,
                    "published": True,
                    "modified_at": ago(5),
                    "modified_by": None,
                    "tax_category": None,
                    "unpublished_at": None,
                    "variants": [{"variant": 1, "version": "current", "live": True, "prices": 2}],
                }
            ],
            "drafts": [],
            "block": None,
            "exceptions": [an_exception(1)],
        }

    async def unpublish_plan(self, query: PlanQuery) -> Document:
        item = {
            "product_id": "p1",
            "name": HOSTILE,
            "key": None,
            "published": True,
            "modified_at": ago(5),
            "modified_by": None,
            "skus": ["TEE/M"],
            "why": "TEE/M: TEE-M looks like it",
            "seen": True,
            "approved": False,
        }
        return {
            "switched_on": True,
            "shadow": False,
            "ready": True,
            "begun": True,
            "asks": True,
            "planned": 1,
            "seen": 1,
            "approved": 0,
            "allowed": 0,
            "share_percent": 1.0,
            "published": 100,
            "items": [item],
            "next": None,
            "total": 1,
            "would_have": [],
        }

    async def this_month(self) -> str:
        return "2026-12"

    async def month_shown(self, period: str) -> Document | None:
        return None if period == "2026-10" else await self.report("month", period, counted_to="")

    async def unpublish_plan_csv(self, query: PlanQuery, *, after: str) -> tuple[str, str | None]:
        return "product_id\r\np1\r\n", None

    async def report(self, kind: str, name: str, *, counted_to: str) -> Document:
        side = {"documents": 3, "net": "30.00", "tax": "6.00", "gross": "36.00"}
        difference = {
            **{"order_id": "order-1", "number": "A-1", "owner": "finance", "chain": "sale", "currency": "GBP"},
            **{"reason": "rounding", "component": "line", "where": HOSTILE, "rule": "", "net": "0.01", "tax": "0.00"},
            **{"ours": "16.66", "theirs": "16.67", "decision": "", "since": f"{name}-05", "age_days": 9},
        }
        report = {
            "period": {"kind": kind, "name": name, "first": f"{name}-01", "last": f"{name}-30"},
            "time_zone": "Europe/London",
            "as_of": f"{name}-30",
            "provisional": True,
            "orders": {"in_period": 3, "verified": 2, "differing": 1, "without_documents": {"held": 1}},
            "tolerated": [],
            "chains": [
                {
                    "chain": "sale",
                    "currency": "GBP",
                    "commercetools": side,
                    "cin7": side,
                    "tie": {
                        "difference": {"net": "0.01", "tax": "0.00", "gross": "0.01"},
                        "reasons": {"rounding": {"net": "0.01", "tax": "0.00", "gross": "0.01"}},
                        "unexplained": {"net": "0.00", "tax": "0.00", "gross": "0.00"},
                    },
                    "unexplained_orders": 0,
                    "rules": [],
                }
            ],
            "differences": [difference],
            "remainders": [],
            "exceptions": [],
            "without_documents": [],
        }
        return {"sha256": "c" * 64, "report": report}

    async def postings(self, day: str, query: PostingQuery) -> Document:
        posting = {
            "kind": "invoice",
            "id": "i1",
            "number": "INV-1",
            "order": "A-1",
            "order_id": "order-1",
            "reference": "r",
            "account": "200",
            "currency": "GBP",
            "net": "16.66",
            "tax": "3.33",
            "total": "19.99",
            "by_rule": [],
            "verified_at": ago(1),
            "why": "",
        }
        late = {**posting, "id": "i2", "verified_at": None, "why": "its payment is not there"}
        return {"day": day, "items": [posting], "next": None, "total": 1, "not_yet": [late]}

    async def earnings(self, query: MarginQuery) -> Document:
        return {}

    async def earnings_csv(self, query: MarginQuery) -> str:
        return ""

    async def purchase(self, number: str) -> Document | None:
        return None

    def _did(self, *what: Any) -> dict[str, Any]:
        self.acted.append(what)
        return {"done": True, "message": f"Done: {what[0]}."}

    async def block(self, sku: str, *, author: str, reason: str, until: str) -> Document:
        return self._did("block", sku, author, reason, until)

    async def unblock(self, sku: str, *, author: str, reason: str) -> Document:
        return self._did("unblock", sku, author, reason)

    async def release_units(self, ref: str, *, author: str, reason: str) -> Document:
        return self._did("release units", ref, author, reason)

    async def release_day(self, day: str, *, author: str, reason: str) -> Document:
        return self._did("release day", day, author, reason)

    async def approve_plan(self, *, author: str, reason: str) -> Document:
        return self._did("approve", author, reason)

    async def ask_for_draft(self, sku: str, *, author: str, reason: str) -> Document:
        return self._did("draft", sku, author, reason)

    async def pause(self, flow: str, *, author: str, reason: str) -> Document:
        if flow == "nothing":
            raise ProblemError(404, "There is no such flow.")
        self.paused.add(flow)
        return self._did("pause", flow, author, reason)

    async def resume(self, flow: str, *, author: str, reason: str) -> Document:
        self.paused.discard(flow)
        return self._did("resume", flow, author, reason)


class FakeStore:
    """Sessions in memory, on a clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.at = NOW
        self.kept: dict[bytes, Kept] = {}
        self.written: list[tuple[str, str]] = []

    def now(self) -> int:
        return self.at

    async def add(self, digest: bytes, *, token: bytes, expires_at: int, person: str) -> None:
        self.kept[digest] = Kept(token=token, seen_at=self.at, expires_at=expires_at)
        self.written.append(("sign in", person))

    async def find(self, digest: bytes) -> Kept | None:
        return self.kept.get(digest)

    async def touch(self, digest: bytes) -> None:
        self.kept[digest] = msgspec.structs.replace(self.kept[digest], seen_at=self.at)

    async def remove(self, digest: bytes, *, person: str) -> None:
        self.kept.pop(digest, None)
        self.written.append(("sign out", person))

    async def refused(self, peer: str) -> None:
        for _ in range(100):  # a commit takes its time, and others are heard meanwhile
            await anyio.lowlevel.checkpoint()
        self.written.append(("refused", peer))


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A session."""

    token: bytes
    seen_at: int
    expires_at: int
