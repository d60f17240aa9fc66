"""Both doubles as a command that only asks meets them: no daemon between, a clock that moves with every call."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec

from adapters.sandbox.cin7 import Cin7Double, new_credentials
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import Faults
from adapters.transport import Request, Response
from daemon.asking import Line
from daemon.live_check import LiveCheck
from daemon.secrets import Secrets
from daemon.settings import Settings, parse_settings
from tests.daemon_app import NOW, FixedClock, config_text


class Wire:
    """A double's handler as a transport; answers carry the double's clock, `ahead` seconds from ours."""

    def __init__(self, double: Any, clock: FixedClock) -> None:
        self.double = double
        self.clock = clock
        self.ahead = 0.0
        self.sent: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        self.clock.at += 50
        response: Response = await self.double.handle(request)
        headers = {**response.headers, "date": formatdate(self.clock.at / 1000 + self.ahead, usegmt=True)}
        return msgspec.structs.replace(response, headers=headers)


class Both:
    """Both doubles, and a check between them."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        account, self.key = new_credentials(1)
        self.secret = "shop-secret"
        self.shop = CommercetoolsDouble(
            clock=self.clock,
            project_key="sandbox",
            client_id="client",
            client_secret=self.secret,
            faults=Faults(seed=1),
            seed=1,
        )
        self.cin7 = Cin7Double(
            clock=self.clock, account_id=account, application_key=self.key, faults=Faults(seed=2), limit=60, seed=1
        )
        self.ct_wire, self.cin7_wire = Wire(self.shop, self.clock), Wire(self.cin7, self.clock)
        text = config_text(Path("/tmp/tallyd.db"), ct="http://ct.test", cin7="http://cin7.test/ExternalApi/v2")
        self.text = text.replace("11111111-1111-4111-8111-111111111111", account)

    def settings(self) -> Settings:
        return parse_settings(self.text, source="tallyd.toml")

    def secrets(self) -> Secrets:
        return Secrets(
            {"commercetools_client_secret": self.secret, "cin7_application_key": self.key},
            storage_key=bytes(32),
            operator_tokens=(),
        )

    async def check(self) -> tuple[LiveCheck, list[Line]]:
        check = LiveCheck(
            self.settings(), self.secrets(), ct_transport=self.ct_wire, cin7_transport=self.cin7_wire, clock=self.clock
        )
        return check, await check.run()
