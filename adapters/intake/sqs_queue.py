"""One connection to an Amazon SQS queue, over aiobotocore with its helpful habits switched off.

The library's own retries wait on no clock of ours, its environment and profiles may name other endpoints and proxies:
none of that is wanted. Every failure is one `QueueError` in plain words that hold no secret and no message.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import anyio
import anyio.to_thread
import msgspec

MOST = 10
"""Messages in one call, at most (SQS)."""

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 10
_CODE = re.compile(r"[A-Za-z0-9.]{1,80}")

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_NO_KEYS = frozenset({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"})
_NO_ANSWER = frozenset(
    {
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "EndpointConnectionError",
        "HTTPClientError",
        "ReadTimeoutError",
        "SSLError",
        "TimeoutError",
    }
)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the queue is. `endpoint_url` None: AWS itself. `keys` (id, secret) None: the machine's own role."""

    queue_url: str
    region: str
    endpoint_url: str | None = None
    keys: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"Address(queue_url={self.queue_url!r}, region={self.region!r})"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery. `handle` is of this delivery alone: what is told about it is told by that."""

    handle: str
    body: bytes

    def __repr__(self) -> str:
        return f"Message({len(self.body)} bytes)"


class QueueError(Exception):
    """The queue did not do it, and why, in plain words."""


class Client(Protocol):
    """What is used of the library's client, by the names of the service."""

    def receive_message(self, **parameters: Any) -> Awaitable[Mapping[str, Any]]:
        """Take messages, waiting for the first."""
        ...

    def delete_message_batch(self, **parameters: Any) -> Awaitable[Mapping[str, Any]]:
        """Delete messages."""
        ...

    def change_message_visibility_batch(self, **parameters: Any) -> Awaitable[Mapping[str, Any]]:
        """Say how long from now messages stay hidden."""
        ...


class Queue:
    """An open connection. Every method raises `QueueError`."""

    def __init__(self, client: Client, queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    async def receive(self, *, wait_seconds: int, hide_seconds: int) -> list[Message]:
        """Take up to ten messages, after `wait_seconds` none; for others they are hidden for `hide_seconds`."""
        answer = await _told(
            self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=hide_seconds,
            ),
            seconds=_CONNECT_SECONDS + _ANSWER_SECONDS + wait_seconds,
        )
        return [
            Message(handle=message["ReceiptHandle"], body=message["Body"].encode(errors="surrogatepass"))
            for message in answer.get("Messages", ())
        ]

    async def delete(self, messages: Sequence[Message]) -> list[Message]:
        """Delete messages; return those that were not, which may be asked for again."""
        entries = [{"Id": str(number), "ReceiptHandle": message.handle} for number, message in enumerate(messages)]
        answer = await _told(self._client.delete_message_batch(QueueUrl=self._url, Entries=entries))
        return [messages[int(failed["Id"])] for failed in answer.get("Failed", ())]

    async def hide(self, messages: Sequence[Message], *, seconds: int) -> None:
        """Hide messages for that long from now; 0 gives them back. One that cannot be is left as it is."""
        entries = [
            {"Id": str(number), "ReceiptHandle": message.handle, "VisibilityTimeout": seconds}
            for number, message in enumerate(messages)
        ]
        await _told(self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries))


@asynccontextmanager
async def opened(address: Address, *, wait_seconds: int) -> AsyncIterator[Queue]:
    """Open a connection that may wait `wait_seconds` for a message. Raises `QueueError`; nothing is asked yet."""
    async with AsyncExitStack() as stack:
        making = await anyio.to_thread.run_sync(_client_maker, address, wait_seconds)
        client = await _told(stack.enter_async_context(making))
        yield Queue(client, address.queue_url)


def _client_maker(address: Address, wait_seconds: int) -> AbstractAsyncContextManager[Client]:
    """Load the library, which takes long, where nobody waits for it: only who has a queue needs it."""
    config = importlib.import_module("aiobotocore.config")
    session = importlib.import_module("aiobotocore.session")
    key, secret = address.keys or (None, None)
    maker: AbstractAsyncContextManager[Client] = session.get_session().create_client(
        "sqs",
        region_name=address.region,
        endpoint_url=address.endpoint_url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=config.AioConfig(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS + wait_seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
            proxies={},
            warm_up_loader_caches=True,
        ),
    )
    return maker


async def _told(asking: Awaitable[Any], *, seconds: float = _CONNECT_SECONDS + _ANSWER_SECONDS) -> Any:
    try:
        with anyio.fail_after(seconds):
            return await asking
    except Exception as error:
        # The library's own words may quote parameters: only names are let through.
        raise QueueError(_words(error)) from None


def _words(error: Exception) -> str:
    name = type(error).__name__
    if name in _NO_KEYS:
        return "there are no credentials: neither keys nor a role of this machine"
    if name in _NO_ANSWER or isinstance(error, OSError):
        return f"it does not answer ({name})"
    code = _code(error)
    if code in _DENIED or (code and _status(error) == 403):
        return f"AWS refuses the credentials, or they may not ({code})"
    if code in _NO_QUEUE:
        return "there is no such queue"
    return f"AWS answers {code}" if code else f"it cannot be asked ({name})"


def _code(error: Exception) -> str:
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _status(error: Exception) -> object:
    """The status of the answer; AWS has more words for a refusal than anybody lists."""
    answer = getattr(error, "response", None)
    return answer.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(answer, dict) else None
