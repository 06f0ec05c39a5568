"""A broker that is away: the board says so, shows what it knew, and goes on when it is back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from schemas.codec import DAY_MS, canonical_json, format_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from streams.partitioner import partition_of
from tests.audit.history import History
from tests.board.scene import NORTH, US, begun, records_of
from tests.board.serving import Board, run_beside
from tests.cli.command import dueclock
from tests.kafka_fixtures import eventually_now, produce


def asks(history: History, number: int, at_ms: int) -> History:
    """A buyer's question more."""
    told = {
        "type": "message.received",
        "event_id": f"ev-{number}",
        "seller_id": NORTH,
        "marketplace_id": US,
        "occurred_at": format_instant(at_ms),
        "message_id": f"MSG-{number}",
        "thread_id": f"T-{number}",
        "from_role": "buyer",
    }
    decoded = decode_notification(canonical_json(told), from_file=True)
    assert isinstance(decoded, Decoded)
    return history.add(decoded.body, at_ms)


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_a_broker_that_is_away_is_said_and_what_was_known_is_shown(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    settings = Settings(broker=own_kafka.bootstrap, partitions=2)
    create_topics(settings)
    history = asks(begun(partition_of(f"{NORTH}/{US}".encode(), 2), now_ms - DAY_MS), 1, now_ms - 1000)
    run_beside(lambda: produce(settings.broker, records_of(settings, history)))
    board = Board(settings, tmp_path)
    try:
        assert "MSG-1" in board.get("/").text
        own_kafka.stop()
        eventually_now(
            lambda: "The broker does not answer" in board.get("/").text, lambda: f"a notice; {board.log()}", within_s=40
        )
        assert "MSG-1" in board.get("/").text
        assert board.get("/readyz").status_code == 503
        assert board.get("/healthz").status_code == 200
        own_kafka.start()
        asks(history, 2, now_ms)
        rows = [one for one in records_of(settings, history) if one.topic == settings.topic("changelog")]
        run_beside(lambda: produce(settings.broker, rows))
        eventually_now(lambda: "MSG-2" in board.get("/").text, lambda: f"the news; {board.log()}", within_s=40)
        eventually_now(lambda: board.get("/readyz").status_code == 200, board.log, within_s=20)
        assert "The broker does not answer" not in board.get("/").text
    finally:
        assert board.close() == 0
    assert "Traceback" not in board.log()


@pytest.mark.broker
def test_without_its_topics_a_board_ends_and_says_what_to_do(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    flags = ("--port", "0", "--broker", kafka.bootstrap, "--topic-prefix", "nothing-here-")
    ended = dueclock("board", *flags, folder=tmp_path)
    assert ended.status == 2
    assert "`dueclock topics create` makes the topics." in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
