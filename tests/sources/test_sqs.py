"""`dueclock source sqs` on moto's SQS, a fake of the Selling Partner API, and a real broker."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from agents.demo.process import free_port
from schemas.codec import format_instant
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live, wait_until
from tests.cli.command import Ended, sentence_of
from tests.sources.fake_api import PERFORMANCE, RETURNS, FakeApi, api
from tests.sources.fake_queue import REGION, Queue, moto, queue
from tests.sources.going import going
from tests.sources.here import dueclock_here, sample
from tests.sources.queue_messages import by_eventbridge, refund_posted, report_ready
from tests.sources.samples import JAPAN, LAMP, SELLER, US, changed, tab_file, transaction
from tests.sources.test_ingest_to_kafka import days_ago
from tests.sources.test_sp_api import ALL, types

__all__ = ["api", "make_live", "moto", "queue"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

ORDER = "111-0000001-0000001"


def arguments(live: Live, queue: Queue, api: FakeApi, *more: str) -> list[str]:
    (live.folder / "keys.toml").write_text('client_id = "c"\nclient_secret = "s"\nrefresh_token = "refresh"\n')
    return [
        "--settings", str(live.settings_file), "source", "sqs", "--seller", SELLER, "--marketplace", US, "--queue",
        queue.url, "--aws-region", REGION, "--base", api.url, "--tokens-at", f"{api.url}/token", "--keys-file",
        "keys.toml", "--hide-for", "2s", *more,
    ]  # fmt: skip


def read_once(live: Live, queue: Queue, api: FakeApi, *more: str) -> Ended:
    return dueclock_here(*arguments(live, queue, api, "--once", "--log-level", "error", *more), folder=live.folder)


def test_a_trigger_is_read_once_however_often_and_in_whatever_order_it_comes(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    refund, report = refund_posted(PostedDate=api.posted[0]["postedDate"]), report_ready(RETURNS)
    queue.put(refund, report_ready(PERFORMANCE, 2), report, by_eventbridge(refund), report)
    queue.put("{", {"notificationType": "SOMETHING_NEW"}, report_ready(RETURNS, 3, processingStatus="FATAL"))
    ended = read_once(live, queue, api)
    assert ended.status == 0, ended.err
    assert types(live) == ALL
    assert queue.left() == (0, 0)
    assert api.asked[f"/reports/2021-06-30/documents/{RETURNS}"] == 1
    # A process of its own knows no names of messages, but what was sent.
    queue.put(report, refund)
    assert read_once(live, queue, api).status == 0
    assert types(live) == ALL
    assert queue.left() == (0, 0)


def test_an_older_report_that_comes_after_a_newer_one_changes_nothing(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    queue.put(report_ready(RETURNS, 1))
    assert read_once(live, queue, api).status == 0
    before = [record.value for record in live.read("return-approved", "return-received")]
    older = changed(LAMP, Return_request_date=days_ago(9), Return_delivery_date=" ", Return_request_status="Pending")
    api.documents[RETURNS] = gzip.compress(tab_file((older,)).encode())
    queue.put(report_ready(RETURNS, 2))
    assert read_once(live, queue, api).status == 0
    assert [record.value for record in live.read("return-approved", "return-received")] == before


def test_what_cannot_be_read_stays_in_the_queue_and_the_rest_is_done(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    documents = dict(api.documents)
    api.documents[RETURNS] = b"this is no report"
    queue.put(report_ready(RETURNS, 1), report_ready(PERFORMANCE, 2))
    ended = read_once(live, queue, api)
    assert "1 message was not read to the end, and left in the queue" in sentence_of(ended)
    assert types(live) == ["account.metrics_reported"]
    assert sum(queue.left()) == 1
    api.documents = documents
    wait_until(lambda: queue.left() == (1, 0), lambda: str(queue.left()), within_s=10)
    assert read_once(live, queue, api).status == 0
    assert types(live) == ALL
    assert queue.left() == (0, 0)


def test_a_refund_that_the_finances_do_not_show_yet_is_asked_for_again_and_not_for_ever(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    api.posted = [transaction(postedDate=format_instant(int(datetime.now(UTC).timestamp() * 1000) - 3_600_000))]
    told = datetime.now(UTC)
    fresh = refund_posted(number=1, PostedDate=told.isoformat())
    old = refund_posted("111-0000002-0000002", number=2)
    queue.put({**fresh, "EventTime": told.isoformat()}, {**old, "EventTime": (told - timedelta(days=4)).isoformat()})
    assert read_once(live, queue, api).status == 0
    # An earlier refund of the order is a fact all the same; the message that told of a later one waits.
    assert types(live) == ["refund.issued"]
    assert queue.left() == (0, 1)


def test_a_report_of_another_marketplace_is_nobodys_and_each_account_gets_its_own(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    api.marketplaces = ["A1F83G8C2ARO7P"]
    queue.put(report_ready(RETURNS, 1))
    assert read_once(live, queue, api).status == 0
    api.marketplaces = [US, JAPAN]  # no column says which row is of which
    queue.put(report_ready(RETURNS, 2))
    assert read_once(live, queue, api, "--marketplace", JAPAN).status == 0
    assert types(live) == []
    api.marketplaces = [JAPAN]
    queue.put(report_ready(RETURNS, 3))
    assert read_once(live, queue, api, "--marketplace", JAPAN, "--refunds-elsewhere").status == 0
    keys = {record.key for record in live.read("return-approved")}
    assert keys == {f"{SELLER}/{JAPAN}".encode()}
    assert queue.left() == (0, 0)


THROUGH = 'sla_source_read_through_timestamp_seconds{feed="queue",source="sqs"}'


def test_how_far_the_queue_is_read_is_known_and_stands_while_a_message_waits(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live, port = make_live(shipped_policies()), free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    refused = 'sla_source_left_out_total{kind="held_back",reason="report_failed",source="sqs"}'
    api.status[RETURNS] = "IN_QUEUE"  # told to be ready, and not ready when it is asked for
    queue.put(report_ready(RETURNS, 1), report_ready(RETURNS, 2, processingStatus="FATAL"))
    said = arguments(live, queue, api, "--metrics-port", str(port))
    with going(live, said, module="tests.sources.hurried") as (source, log_file):
        wait_until(lambda: (sample(url, refused) or 0) == 1, log_file.read_text, within_s=60)
        wait_until(
            lambda: (sample(url, 'sla_source_errors_total{source="sqs"}') or 0) >= 2, log_file.read_text, within_s=30
        )
        assert sample(url, THROUGH) is None
        api.status.clear()
        wait_until(lambda: queue.left() == (0, 0) and types(live) != [], log_file.read_text, within_s=30)
        wait_until(lambda: sample(url, THROUGH) is not None, log_file.read_text, within_s=40)
        assert "sqs: its news may be 48 h late" in log_file.read_text()
        source.terminate()
        assert source.wait(20) == 0
        assert "Traceback" not in log_file.read_text()
        assert ORDER not in log_file.read_text()


def test_what_a_person_can_mend_is_one_sentence(
    make_live: MakeLive, queue: Queue, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_live(shipped_policies())
    nowhere = read_once(live, queue, api, "--queue", queue.url.replace("notifications", "nowhere"))
    assert "There is no queue at" in sentence_of(nowhere)
    queue.put(report_ready(RETURNS))
    (live.folder / "wrong.toml").write_text('client_id = "c"\nclient_secret = "s"\nrefresh_token = "no"\n')
    wrong = read_once(live, queue, api, "--keys-file", "wrong.toml")
    assert "authorise the application anew" in sentence_of(wrong)
    assert queue.left() == (1, 0)
    words = arguments(live, queue, api, "--once")
    del words[words.index("--aws-region") : words.index("--aws-region") + 2]
    assert "add --aws-region" in sentence_of(dueclock_here(*words, folder=live.folder))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(live.folder / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "There are no AWS credentials" in sentence_of(read_once(live, queue, api))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
    assert "The queue was not read: the queue does not answer" in sentence_of(read_once(live, queue, api))
