"""The procurement flow: which purchases moved, what they bring and cost, and what sales earn against it.

It only reads. The list costs one call a page, a purchase that moved one more; one that did not costs none. Everything
else is worked out from the file.
"""

from __future__ import annotations

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge
from actors.procurement.earning import Earner
from actors.procurement.ending import end
from actors.procurement.judging import Judge
from actors.procurement.listing import Lister
from actors.procurement.nudges import JUDGE, MARGINS, PURCHASE, PURCHASES, SUBJECTS, nudge
from actors.procurement.ports import PurchaseBook
from actors.procurement.reading import Reader
from actors.procurement.rules import ProcurementRules

CONCURRENCY = 4
"""The list, the judging, the margins, and one purchase that waits for its turn at Cin7."""


class ProcurementActor(Actor):
    """Handles nudges to read the list on, to read a purchase, to judge, and to work out margins."""

    flow = Flow.PROCUREMENT
    standing = True

    def __init__(
        self, surroundings: Surroundings, *, book: PurchaseBook, rules: ProcurementRules, posting: PostingRules
    ) -> None:
        super().__init__(surroundings, concurrency=CONCURRENCY, capacity=CONCURRENCY)
        self.rules = rules
        self.lister = Lister(surroundings, book=book, rules=rules)
        self.reader = Reader(surroundings, book=book, rules=rules, posting=posting)
        self.judge = Judge(surroundings, rules=rules, posting=posting)
        self.earner = Earner(surroundings, rules=rules, posting=posting)

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What keeps the list read and the figures worked out; of a flow that is switched off, its end."""
        return tuple(nudge(subject, now) for subject in (SUBJECTS if self.rules.enabled else (PURCHASES,)))

    async def handle(self, envelope: Envelope) -> Outcome:
        """Take one step of what the subject names. What was asked for before the flow was switched off is dropped."""
        subject = envelope.subject
        if not self.rules.enabled:
            return Done(unit=end)
        if subject == PURCHASES:
            return await self.lister.step()
        if subject == JUDGE:
            return await self.judge.step()
        if subject == MARGINS:
            return await self.earner.step()
        if subject.startswith(PURCHASE):
            return await self.reader.read(subject.removeprefix(PURCHASE))
        return Done()
