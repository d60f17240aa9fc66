"""A Cin7 client that reads from a script, and the official samples it is fed with."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from adapters.cin7.client import Cin7Client
from adapters.transport import Request, Response
from tests import cin7_spec
from tests.wire_doubles import OpenGate, Script, ScriptedWire, StillClock

needs_samples = pytest.mark.skipif(not cin7_spec.BLUEPRINT.exists(), reason=cin7_spec.SKIP_REASON)


class Reader:
    """A client with everything around it."""

    def __init__(self, *answers: Script) -> None:
        self.clock = StillClock()
        self.wire = ScriptedWire(*answers)
        self.gate = OpenGate(self.clock)
        self.client = Cin7Client(
            transport=self.wire,
            clock=self.clock,
            gate=self.gate,
            probe=self.gate.diary.append,
            base_url="https://cin7.example/ExternalApi/v2",
            account_id="acc",
            application_key="key",
            timeout_seconds=60,
        )

    @property
    def requests(self) -> list[Request]:
        return self.wire.requests


def sample(heading: str) -> Any:
    """Read the first sample answer of a section, what GET shows; a comma too many and a quote too few are mended."""
    section = cin7_spec.BLUEPRINT.read_text(encoding="utf-8").split(f"## {heading} [/", 1)[1]
    answered = section.split("+ Response 200 (application/json)", 1)[1]
    body = re.sub(r",(\s*[,}\]])", r"\1", answered[answered.index("{") :])
    body = re.sub(r"(:\d\d),(?=\s)", r'\1",', body)
    return json.JSONDecoder(strict=False).raw_decode(body)[0]


def bare(body: str) -> Response:
    """A JSON answer as it is written, to the last digit."""
    return Response(status=200, headers={"content-type": "application/json"}, body=body.encode())
