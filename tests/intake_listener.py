"""The doors as they really listen, with an accept that keeps what it is given, and a cloud that publishes keys."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from actors.domain.notification import Delivery
from adapters.intake.eventgrid import EventGrid
from adapters.intake.pubsub import PubSub
from adapters.intake.reading import Limits
from adapters.intake.server import Doors, intake_server
from adapters.transport import NotSentError, Request, Response
from tests import intake_vectors as vectors

TOKEN = "cin7-t0k3n"
KEY = "grid-k3y"
GRID_TOPIC = "/subscriptions/1/resourceGroups/shop/providers/Microsoft.EventGrid/topics/tallyd"
DOORS = Doors(
    cin7_token=TOKEN,
    sns_topics=frozenset({vectors.TOPIC, vectors.CHINA}),
    pubsub=PubSub(audience=vectors.AUDIENCE, service_account=vectors.ACCOUNT),
    eventgrid=EventGrid(topic=GRID_TOPIC, key=KEY),
)
PATHS = {
    "cin7": "/intake/cin7/Sale/Voided",
    "sns": "/intake/commercetools/sns",
    "pubsub": "/intake/commercetools/pubsub",
    "eventgrid": "/intake/commercetools/eventgrid",
}


class Patience:
    """A clock that stands; who sleeps on it sleeps until time is passed."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._wall = vectors.NOW
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> int:
        return self._wall

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self._passed + seconds, woken))
        await woken.wait()

    @property
    def sleepers(self) -> int:
        return sum(not woken.is_set() for _, woken in self._sleepers)

    def pass_time(self, seconds: float, *, on_the_wall: bool = True) -> None:
        self._passed += seconds
        self._wall += round(seconds * 1000) if on_the_wall else 0
        for until, woken in self._sleepers:
            if until <= self._passed:
                woken.set()


class Cloud:
    """A transport to whatever is published: addresses and what lies there; elsewhere nothing can be reached."""

    def __init__(self, published: Mapping[str, bytes]) -> None:
        self.published = dict(published)
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, request: Request) -> Response:
        self.asked.append(request.url)
        await self.open.wait()
        body = self.published.get(request.url)
        if body is None:
            raise NotSentError("nobody there")
        return Response(status=200, body=body)


class Book:
    """An accept that writes down, or fails as it is told."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[str, Delivery]] = []
        self.calls = 0
        self.failing: Exception | None = None
        self.committed = asyncio.Event()
        self.committed.set()

    async def __call__(self, door: str, deliveries: Sequence[Delivery]) -> None:
        self.calls += 1
        if self.failing is not None:
            raise self.failing
        await self.committed.wait()
        self.deliveries += [(door, delivery) for delivery in deliveries]


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Listener:
    """A sender, and what it finds."""

    def __init__(self, address: tuple[str, int], session: aiohttp.ClientSession) -> None:
        self.address = address
        self.book = Book()
        self.clock = Patience()
        self.session = session

    async def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        url = f"http://{self.address[0]}:{self.address[1]}{path}"
        async with self.session.request(method, url, data=io.BytesIO(body), headers=headers) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.read())

    async def post(self, door: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.send("POST", PATHS[door], body, headers)

    async def cin7(self, body: bytes, token: str = TOKEN) -> Reply:
        return await self.post("cin7", body, {"Authorization": f"Bearer {token}"})


def published() -> dict[str, bytes]:
    """What the clouds publish when all is well."""
    made = vectors.read()
    return {
        vectors.CERTIFICATE_URL: made.certificate.encode(),
        vectors.CHINA_URL: made.certificate.encode(),
        vectors.SUBSCRIBE_URL: b"<ConfirmSubscriptionResponse/>",
        PubSub(audience="", service_account="").keys_url: msgspec.json.encode(made.jwks),
    }


@asynccontextmanager
async def listening(
    doors: Doors = DOORS, *, cloud: Cloud | None = None, limits: Limits | None = None
) -> AsyncIterator[Listener]:
    """Listen, and be a sender."""
    listener = Listener(("", 0), aiohttp.ClientSession())
    cloud = cloud or Cloud(published())
    async with (
        listener.session,
        intake_server("127.0.0.1:0", listener.book, doors, clock=listener.clock, fetch=cloud, limits=limits) as address,
    ):
        listener.address = address
        yield listener


def fetches() -> int:
    """Count the fetches of keys under way."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return sum(getattr(coroutine, "__qualname__", "").endswith("._bring") for coroutine in coroutines)


async def all_fetched() -> None:
    """Wait until no key is being fetched."""
    await asyncio.sleep(0)  # what was asked for at the start begins
    await until(lambda: not fetches())


async def until(fact: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 -- facts of any kind
            await asyncio.sleep(0)
