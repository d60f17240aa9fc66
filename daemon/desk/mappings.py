"""Behind the API of mapping rows: what people map at the desk, effective at once, over what the configuration says."""

from __future__ import annotations

from adapters.operator.access import Person
from adapters.operator.mapping_api import Document, MappingDraft
from adapters.operator.problems import ProblemError
from daemon.running import Running


class MappingDesk:
    """Implements `MappingReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def mappings(self, kind: str) -> Document:
        """See `MappingReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def try_mapping(self, draft: MappingDraft) -> Document:
        """See `MappingReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def map(self, key: str, draft: MappingDraft, person: Person) -> Document:
        """See `MappingReading`."""
        raise ProblemError(501, "This release cannot do it yet.")
