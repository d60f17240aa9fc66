"""Tax rules that were changed after sales were posted with them: only what is posted keeps its figures."""

from __future__ import annotations

import sqlite3

from actors.domain.facts import FactKind
from actors.domain.reconciling import tax_rule_findings
from actors.domain.time import Instant
from storage import books, exceptions, facts
from storage.exceptions import Record

CHANGED = "tax_rule_changed"


def tell_tax_rules(connection: sqlite3.Connection, *, now: Instant) -> None:
    """Hold the rules that sales were posted with against Cin7's, once those were read whole."""
    if FactKind.TAX_RULE not in facts.lists(connection):
        return
    posted = books.posted_percents(connection)
    found = {finding.field: finding for finding in tax_rule_findings(posted, facts.tax_rules(connection))}
    for rule in posted:
        record = Record(kind="tax_rule", id=rule)
        if rule in found:
            exceptions.raise_finding(connection, record, found[rule], now=now)
        else:
            exceptions.clear(connection, record, resolution="as it was posted with", now=now, types=(CHANGED,))
