"""SQS and SNS as others wrote them, in a process of their own, and a plain client for what a test does there.

The client shares nothing with the one under test: it writes the two services' own protocols by hand.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

REGION = "eu-west-1"
KEYS = ("AKIDEXAMPLE", "a-secret-that-is-never-shown")
_START_SECONDS = 30.0


class Aws:
    """The running double. Any keys do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def queue_url(self, name: str) -> str:
        """Where a queue of that name is, or would be."""
        return f"{self.url}/123456789012/{name}"

    def create_queue(self, name: str) -> str:
        return str(self._sqs("CreateQueue", QueueName=name)["QueueUrl"])

    def send(self, queue_url: str, bodies: Sequence[str]) -> None:
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])
            ]
            answer = self._sqs("SendMessageBatch", QueueUrl=queue_url, Entries=entries)
            assert len(answer["Successful"]) == len(entries), answer

    def counts(self, queue_url: str) -> tuple[int, int]:
        """How many messages wait there, and how many are hidden."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = self._sqs("GetQueueAttributes", QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        return int(answer[names[0]]), int(answer[names[1]])

    def deliveries(self, queue_url: str) -> list[int]:
        """Take what waits there, and say how often each has been delivered, this time too."""
        answer = self._sqs(
            "ReceiveMessage",
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            AttributeNames=["ApproximateReceiveCount"],
        )
        return [int(message["Attributes"]["ApproximateReceiveCount"]) for message in answer.get("Messages", ())]

    def topic_to(self, queue_url: str) -> str:
        """Make a topic whose messages, in their envelope, go to the queue."""
        name = queue_url.rsplit("/", 1)[1]
        topic = self._sns("CreateTopic", Name=name)
        self._sns("Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:{name}")
        return topic

    def publish(self, topic: str, body: str) -> None:
        self._sns("Publish", TopicArn=topic, Message=body)

    @contextmanager
    def judging_keys(self) -> Iterator[None]:
        """Refuse every key it has not issued itself, until the block ends or all are accepted."""
        self._let_pass("0")
        try:
            yield
        finally:
            self.accept_all_keys()

    def accept_all_keys(self) -> None:
        self._let_pass("inf")

    def _let_pass(self, calls: str) -> None:
        """Say how many more calls are answered whatever their keys."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("POST", "/moto-api/reset-auth", calls)
            assert connection.getresponse().status == 200

    def _sqs(self, action: str, **parameters: Any) -> Any:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"}
        return json.loads(self._post("sqs", json.dumps(parameters), headers) or "{}")

    def _sns(self, action: str, **parameters: str) -> str:
        """Return the ARN in the answer, "" when it has none."""
        form = urlencode({"Action": action, "Version": "2010-03-31"} | parameters)
        answer = ET.fromstring(self._post("sns", form, {"Content-Type": "application/x-www-form-urlencoded"}))  # noqa: S314
        return next((str(found.text) for found in answer.iter() if found.tag.endswith("TopicArn")), "")

    def _post(self, service: str, body: str, headers: Mapping[str, str]) -> str:
        scope = f"{KEYS[0]}/20270115/{REGION}/{service}/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("POST", "/", body, {"Authorization": signed, **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
        assert answer.status == 200, text
        return text


@contextmanager
def running_aws() -> Iterator[Aws]:
    """Start the double on a free port, and end it."""
    aws = Aws(_free_port())
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(aws.port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_listening(aws.port, process)
        yield aws
    finally:
        process.kill()
        process.wait()


def _await_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "the double of AWS ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the double of AWS does not listen")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
