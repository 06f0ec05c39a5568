"""A queue of moto's SQS server, for the source that reads it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from agents.sources import sqs_source

REGION = "us-east-1"


class Queue:
    """A queue of a real server, and what is in it."""

    def __init__(self, url: str) -> None:
        keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
        self._client = boto3.client("sqs", region_name=REGION, endpoint_url=url, **keys)
        self.url: str = self._client.create_queue(QueueName="notifications")["QueueUrl"]

    def put(self, *messages: Any) -> None:
        for message in messages:
            body = message if isinstance(message, str) else json.dumps(message)
            self._client.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self) -> tuple[int, int]:
        """How many messages can be taken, and how many are hidden."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        said = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))["Attributes"]
        return int(said[names[0]]), int(said[names[1]])


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def queue(moto: str, monkeypatch: pytest.MonkeyPatch) -> Queue:
    for name, value in {
        "AWS_ENDPOINT_URL_SQS": moto,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sqs_source, "_ONCE_WAIT_S", 1)  # this queue has at once what it has
    requests.post(f"{moto}/moto-api/reset", timeout=10).raise_for_status()
    return Queue(moto)
