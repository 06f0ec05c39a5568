"""The gateway as its clients meet it: a real server, real signed bodies, a real broker that is there or is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

from agents.demo.process import free_port
from agents.sources.clients import signature_of
from deploy.embedded import EmbeddedKafka
from schemas.codec import format_instant
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import ROOT, Live, wait_until
from tests.cli.command import dueclock, sentence_of
from tests.sources.here import dueclock_here
from tests.sources.samples import LAMP, SELLER, US, changed, tab_file
from tests.sources.test_deliveries import AFTERSHIP, EASYPOST, ORDER, SHIPPO
from tests.sources.test_ingest_to_kafka import days_ago

__all__ = ["make_live"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

TOKEN, SECRET, PATH = "token-of-the-helpdesk", "secret-of-the-warehouse", "a-path-that-nobody-guesses"
CLIENTS = f"""
[[clients]]
name = "helpdesk"
token_env = "HELPDESK_TOKEN"
accounts = ["{SELLER}/{US}"]

[[clients]]
name = "warehouse"
secret_env = "WAREHOUSE_SECRET"
accounts = ["{SELLER}/{US}"]
""" + "".join(
    f"""
[[hooks]]
provider = "{provider}"
path_env = "HOOK_PATH"
secret_env = "WAREHOUSE_SECRET"
accounts = ["{SELLER}/{US}"]
"""
    for provider in ("easypost", "aftership", "shippo")
)
VARIABLES = {"HELPDESK_TOKEN": TOKEN, "WAREHOUSE_SECRET": SECRET, "HOOK_PATH": PATH}


class Served:
    """A gateway as a process; `kill` names a step of `tests.sources.killed`, and at which passing."""

    def __init__(self, folder: Path, settings: Path, *, kill: str = "", module: str = "agents") -> None:
        (folder / "clients.toml").write_text(CLIENTS)
        self._log = (folder / "gateway.log").open("wb")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DUECLOCK_")}
        module = "tests.sources.killed" if kill else module
        command = [sys.executable, "-m", module, "--settings", str(settings), "gateway"]
        self.process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--clients", "clients.toml"],
            cwd=folder,
            env={**environ, **VARIABLES, "PYTHONPATH": str(ROOT), "DUECLOCK_TEST_KILL": kill},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._file = folder / "gateway.log"
        wait_until(lambda: "listening on" in self.log() or self.process.poll() is not None, self.log, within_s=30)
        found = re.search(r"http://127\.0\.0\.1:\d+", self.log())
        assert found, self.log()
        self.url = found[0]

    def log(self) -> str:
        return self._file.read_text(errors="replace")

    def post(self, body: Any, **headers: str) -> requests.Response:
        """A plain request of the helpdesk, unless the headers say otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        said = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{self.url}/v1/notifications", data=raw, headers=said, timeout=30)

    def hook(self, provider: str, body: Any, path: str = PATH, **headers: str) -> requests.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{self.url}/v1/hooks/{provider}/{path}", data=raw, headers=said, timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._log.close()


Serve = Callable[[Live], Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Served] = []

    def start(live: Live) -> Served:
        made.append(Served(live.folder, live.settings_file))
        return made[-1]

    yield start
    for one in made:
        one.close()


def evidence(name: str = "1", **fields: Any) -> dict[str, Any]:
    said = {
        "event_id": f"E-{name}", "type": "claim.evidence_submitted", "seller_id": SELLER, "marketplace_id": US,
        "occurred_at": format_instant(int(time.time() * 1000)), "claim_id": f"C-{name}", "order_id": ORDER,
        "buyer": "Jo Example",
    }  # fmt: skip
    return {**said, **fields}


def sent_to(live: Live) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in live.read("return-received", "a-to-z-claim")]


def test_a_notification_is_taken_in_each_form_and_only_its_known_fields_go_on(
    make_live: MakeLive, serve: Serve
) -> None:
    live = make_live(shipped_policies())
    served = serve(live)
    plain = served.post(evidence("1"))
    assert (plain.status_code, plain.json()) == (202, {"accepted": ["E-1"]})
    event = {"specversion": "1.0", "id": "E-2", "type": "claim.evidence_submitted", "source": "/helpdesk"}
    data = {name: value for name, value in evidence("2").items() if name not in ("event_id", "type")}
    structured = served.post({**event, "data": data}, Content_Type="application/cloudevents+json; charset=utf-8")
    assert structured.json() == {"accepted": ["E-2"]}
    binary = served.post({**data, "claim_id": "C-3"}, ce_specversion="1.0", ce_id="E-3", ce_type=event["type"])
    assert binary.json() == {"accepted": ["E-3"]}
    batch = [{**event, "id": f"E-{n}", "data": {**data, "claim_id": f"C-{n}"}} for n in (4, 5)]
    assert served.post(batch, Content_Type="application/cloudevents-batch+json").json() == {"accepted": ["E-4", "E-5"]}
    assert served.post([evidence("6"), evidence("7")]).json() == {"accepted": ["E-6", "E-7"]}
    told = sent_to(live)
    assert sorted(one["event_id"] for one in told) == [f"E-{n}" for n in range(1, 8)]
    assert all("buyer" not in one for one in told)
    assert {record.key for record in live.read("a-to-z-claim")} == {f"{SELLER}/{US}".encode()}
    metrics = requests.get(f"{served.url}/metrics", timeout=10).text
    assert 'sla_source_notifications_total{source="gateway",type="claim.evidence_submitted"} 7.0' in metrics
    assert 'sla_gateway_answers_total{path="notifications",status="202"} 5.0' in metrics
    assert "Jo Example" not in served.log()


def test_what_the_worker_would_refuse_is_refused_at_once_and_a_batch_as_a_whole(
    make_live: MakeLive, serve: Serve
) -> None:
    live = make_live(shipped_policies())
    served = serve(live)
    refused = served.post(
        [evidence("1"), evidence("2", order_id="none"), evidence("3", occurred_at="2020-01-01T00:00:00Z")]
    )
    assert refused.status_code == 400
    assert refused.json()["refused"] == [
        {"number": 1, "reason": "bad_field", "field": "order_id"},
        {"number": 2, "reason": "calendar_not_covered", "field": "occurred_at"},
    ]
    for body, status in (
        (b"{", 400),
        (b"[]", 400),
        (b"[1]", 400),
        (b'{"type": "time.tick"}', 400),
        (b"[" * 100_000, 400),
        (b'{"a": 1e999}', 400),
        (evidence(seller_id="A2OTHER"), 403),
        (b"x" * (1024 * 1024 + 1), 413),
    ):
        assert served.post(body).status_code == status, body[:50] if isinstance(body, bytes) else body
    differing = {"specversion": "1.0", "id": "OTHER", "type": "claim.evidence_submitted", "data": evidence()}
    for wrong in (differing, {**differing, "specversion": "2.0"}, {**differing, "data": "x"}):
        assert served.post(wrong, Content_Type="application/cloudevents+json").status_code == 400
    assert served.post(evidence(), Content_Type="text/xml").status_code == 400
    assert sent_to(live) == []


def test_only_who_proves_himself_may_speak(make_live: MakeLive, serve: Serve) -> None:
    live = make_live(shipped_policies())
    served = serve(live)
    body = json.dumps(evidence("1")).encode()
    now = str(int(time.time()))

    def signed(timestamp: str, signature: str, client: str = "warehouse") -> int:
        said = {"X-Dueclock-Client": client, "X-Dueclock-Timestamp": timestamp, "X-Dueclock-Signature": signature}
        return served.post(body, Authorization="", **said).status_code

    good = signature_of(SECRET.encode(), now, body)
    assert served.post(body, Authorization="").status_code == 401
    assert served.post(body, Authorization=f"Bearer {TOKEN}x").status_code == 401
    assert served.post(body, Authorization=f"Basic {TOKEN}").status_code == 401
    assert signed(now, good.replace(good[0], "0" if good[0] != "0" else "1")) == 401
    assert signed(now, good, "helpdesk") == 401
    old = str(int(now) - 3600)
    assert signed(old, signature_of(SECRET.encode(), old, body)) == 401
    assert signed("yesterday", good) == 401
    assert sent_to(live) == []
    assert signed(now, f"sha256={good}") == 202
    assert [one["event_id"] for one in sent_to(live)] == ["E-1"]


def test_a_delivery_is_the_receipt_of_a_booked_return_and_an_unknown_one_waits(
    make_live: MakeLive, serve: Serve
) -> None:
    live = make_live(shipped_policies())
    served = serve(live)
    yesterday = format_instant(int(time.time() * 1000) - 86_400_000)
    said = json.loads(re.sub(r"2026-10-16T1[78]:05:00Z", yesterday, json.dumps(EASYPOST)))
    raw = json.dumps(said).encode()
    proof = {"X_Hmac_Signature": f"hmac-sha256-hex={hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()}"}
    assert served.hook("easypost", raw).status_code == 401
    assert served.hook("easypost", raw, path="another-secret-path", **proof).status_code == 401
    assert served.hook("nobody", raw, **proof).status_code == 401
    assert served.hook("easypost", raw, **proof).json() == {"accepted": [], "left_out": "parked"}
    # The report tells whose parcel it was; what waited is sent.
    (live.folder / "returns.txt").write_text(
        tab_file((changed(LAMP, Return_request_date=days_ago(9), Return_delivery_date=" ", Tracking_ID="94000001"),))
    )
    command = ("--settings", live.settings_file, "ingest", "returns-report", "returns.txt")
    ingested = dueclock(*command, "--seller", SELLER, "--marketplace", US, folder=live.folder)
    assert ingested.status == 0, ingested.err
    wait_until(lambda: len(live.read("return-received")) == 1, served.log, within_s=30)
    (receipt,) = [json.loads(record.value) for record in live.read("return-received")]
    assert (receipt["type"], receipt["order_id"], receipt["occurred_at"]) == ("return.received", LAMP[0], yesterday)
    # The same again, from another provider, with its own proof: the same fact, the same bytes.
    other = json.loads(json.dumps(AFTERSHIP).replace("2026-10-16T10:05:00", yesterday))
    raw = json.dumps(other).encode()
    digest = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    assert served.hook("aftership", raw, aftership_hmac_sha256=digest).json()["accepted"] == [receipt["event_id"]]
    assert len({record.value for record in live.read("return-received")}) == 1
    long_ago = json.loads(json.dumps(SHIPPO).replace("2026-10-16", "2020-10-16"))
    assert served.hook("shippo", long_ago).json()["left_out"] == "calendar_not_covered"
    assert served.hook("shippo", b"{").status_code == 400
    assert served.hook("shippo", {"data": {}}).json()["left_out"] == "shape_unknown"


def test_it_describes_itself_and_ends_at_a_signal(make_live: MakeLive, serve: Serve) -> None:
    served = serve(make_live(shipped_policies()))
    document = requests.get(f"{served.url}/openapi.json", timeout=10).json()
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {"/v1/notifications", "/v1/hooks/{provider}/{path}"}
    assert document["components"]["schemas"]["refund.issued"]["properties"]["amount"]
    assert requests.get(f"{served.url}/healthz", timeout=10).text == "ok\n"
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(20) == 0
    assert "Traceback" not in served.log()


def test_its_metrics_are_for_who_has_the_token_and_stand_on_a_port_of_their_own_too(
    make_live: MakeLive, serve: Serve
) -> None:
    live, port = make_live(shipped_policies()), free_port()
    token = live.folder / "http-token"
    token.write_text("token-of-prometheus\n")
    text = live.settings_file.read_text().replace('http_token_file = ""', f'http_token_file = "{token}"')
    live.settings_file.write_text(text.replace("metrics_port = 0", f"metrics_port = {port}"))
    served = serve(live)
    may = {"Authorization": "Bearer token-of-prometheus"}
    for url in (served.url, f"http://127.0.0.1:{port}"):
        assert requests.get(f"{url}/metrics", timeout=10).status_code == 401
        assert "sla_gateway_parked 0.0" in requests.get(f"{url}/metrics", headers=may, timeout=10).text
    assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200


def test_without_an_acknowledgement_there_is_no_promise(
    own_kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path
) -> None:
    live = Live(own_kafka.bootstrap, kafka_prefix, tmp_path, shipped_policies())
    served = Served(tmp_path, live.settings_file, module="tests.sources.hurried")
    try:
        assert served.post(evidence("1")).status_code == 202
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), 40) as slow:
            slow.sendall(b"POST /v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{")
            own_kafka.stop()
            with ThreadPoolExecutor(5) as callers:  # four batches without an answer are as many as it takes
                many = [evidence(f"many-{number}") for number in range(500)]
                answers = list(callers.map(lambda _: served.post(many), range(5)))
            assert sorted(one.status_code for one in answers) == [429, 503, 503, 503, 503]
            (busy,) = [one for one in answers if one.status_code == 429]
            assert (busy.json()["error"], busy.headers["Retry-After"]) == ("busy", "1")
            assert {one.json()["error"] for one in answers} == {"busy", "no_broker"}
            own_kafka.start()
            assert slow.recv(100).startswith(b"HTTP/1.1 408"), "a body that does not come is not waited for"
        wait_until(lambda: served.post(evidence("2")).status_code == 202, served.log, within_s=40)
        told = sent_to(live)
        assert {"E-1", "E-2"} <= {one["event_id"] for one in told} <= {"E-1", "E-2", *(one["event_id"] for one in many)}
        assert len({json.dumps(one) for one in told}) == len({one["event_id"] for one in told})
    finally:
        served.close()
        live.close()


def test_what_only_people_know_is_sent_by_hand_with_the_same_checks(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    account = ("--seller", SELLER, "--marketplace", US)

    def notify(*arguments: str) -> Any:
        return dueclock_here("--settings", live.settings_file, "notify", *arguments, folder=live.folder)

    said = notify("claim.evidence_submitted", *account, "--claim-id", f"az.{ORDER}", f"--order-id={ORDER}")
    assert said.status == 0, said.err
    assert [record.value.decode() for record in live.read("a-to-z-claim")] == [said.out.strip()]
    dry = notify("program.changed", *account, "--program", "sfp", "--active", "yes", "--dry-run")
    assert json.loads(dry.out)["active"] is True
    assert live.read("seller-account") == []
    sent = notify("message.sent", *account, "--message-id", "M", "--thread-id", "T", "--to-roles", "buyer,amazon_cs")
    assert json.loads(sent.out)["to_roles"] == ["buyer", "amazon_cs"]
    evidenced = ("claim.evidence_submitted", *account)
    for arguments, sentence in (
        ((*evidenced, "--claim-id", "C"), "needs a valid --order-id"),
        ((*evidenced, "--colour", "red"), "has no field colour; it has --claim-id, --order-id"),
        ((*evidenced, "--claim-id"), "is no field"),
        (("case.closed", "--seller", "A 1", "--marketplace", US, "--case-id", "C"), "needs a valid --seller"),
        (
            ("case.closed", *account, "--case-id", "C", "--at", "2020-01-01T00:00:00Z"),
            "refuse this: calendar_not_covered",
        ),
    ):
        ended = notify(*arguments)
        assert sentence in sentence_of(ended)
        assert ended.status == 2


@pytest.mark.parametrize(
    ("clients", "sentence"),
    [
        ("x", "is not as it should be"),
        ("[[clients]]\nname = 'a'\naccounts = ['b']\n", "is not as it should be"),
        ("[[clients]]\nname = 'a'\naccounts = ['b/c']\n", "needs a token or a secret"),
        ("[[clients]]\nname = 'a'\naccounts = ['b/c']\ntoken_env = 'NOT_THERE'\n", "is missing, or has fewer than 16"),
        ("[[clients]]\nname = 'a'\naccounts = ['b/c']\ntoken = 'c2VjcmV0c2VjcmV0c2VjcmV0'\n", "A secret stands in"),
        (
            "[[hooks]]\nprovider = 'easypost'\naccounts = ['b/c']\npath_file = 'path'\n",
            "needs a secret path and a secret",
        ),
        ("[[clients]]\nname = 'a'\naccounts = ['b/c']\ntoken_file = 'path'\n" * 2, "Two clients in"),
    ],
)
def test_a_clients_file_that_promises_no_safety_is_refused(clients: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "path").write_text("a-path-that-nobody-guesses\n")
    (tmp_path / "clients.toml").write_text(clients)
    ended = dueclock_here("gateway", "--clients", "clients.toml", folder=tmp_path)
    assert sentence in sentence_of(ended)
    assert ended.status == 2
