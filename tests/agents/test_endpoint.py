"""The endpoint of a worker: what its paths answer, to whom, under what certificate; and when it is stale."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from agents.errors import UserError
from agents.metrics.connections import MOST
from agents.metrics.counters import Metrics
from agents.metrics.door import is_loopback
from agents.metrics.endpoint import MetricsServer
from agents.metrics.freshness import STALE_S
from agents.settings import Settings
from tests.observe.programs import program, wait_until

TOKEN = "a-token-of-the-tests"
OTHER = "another-token-of-the-tests"
Serve = Callable[..., MetricsServer]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def serve(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve these metrics by these settings; the port is free again after the test."""
    monkeypatch.setattr(socket, "getfqdn", lambda name="": pytest.fail(f"the resolver was asked who {name!r} is"))
    made: list[MetricsServer] = []

    def serving(**settings: object) -> MetricsServer:
        made.append(MetricsServer(metrics, Settings().changed(**settings)))
        return made[-1]

    yield serving
    for one in made:
        one.close()


class Answer:
    """What the endpoint answered."""

    def __init__(self, said: http.client.HTTPResponse) -> None:
        self.status = said.status
        self.headers = dict(said.getheaders())
        self.body = said.read()


def ask(
    server: MetricsServer,
    path: str,
    method: str = "GET",
    *,
    tls: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    at = ("127.0.0.1", server.port)
    connection = (
        http.client.HTTPConnection(*at, timeout=10)
        if tls is None
        else http.client.HTTPSConnection(*at, timeout=10, context=tls)
    )
    try:
        connection.request(method, path, headers=dict(headers or {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- what the paths answer --------------------------------------------------------------------------------------------


def test_it_serves_without_asking_the_resolver_for_its_own_name(serve: Serve) -> None:
    said = ask(serve(), "/metrics")
    assert said.status == 200
    assert said.headers["Content-Type"].startswith("text/plain; version=")
    assert b"sla_build_info{" in said.body


def test_a_scrape_is_compressed_and_in_the_form_that_prometheus_asks_for(serve: Serve) -> None:
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    said = ask(serve(), "/metrics", headers=wanted)
    assert said.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert gzip.decompress(said.body).endswith(b"# EOF\n")


def test_it_is_alive_from_the_start_and_ready_when_the_worker_says_so(serve: Serve, metrics: Metrics) -> None:
    server = serve()
    assert (ask(server, "/healthz").status, ask(server, "/healthz").body) == (200, b"ok\n")
    assert (ask(server, "/readyz").status, ask(server, "/readyz").body) == (503, b"503 Service Unavailable\n")
    metrics.is_ready = lambda: True
    assert (ask(server, "/readyz").status, ask(server, "/readyz").body) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/clocks", "/", "/metrics/", "//metrics"])
def test_what_is_not_there_is_not_found(serve: Serve, path: str) -> None:
    assert ask(serve(), path).status == 404


def test_a_head_is_a_get_without_its_body(serve: Serve) -> None:
    said = ask(serve(), "/metrics", "HEAD")
    assert (said.status, said.body) == (200, b"")
    assert int(said.headers["Content-Length"]) > 1000


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_no_other_method_is_allowed(serve: Serve, method: str, path: str) -> None:
    said = ask(serve(), path, method)
    assert said.status == 405
    assert said.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "sent", [b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"BREW / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_no_answer_names_what_it_is_made_with(serve: Serve, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), socket.create_connection(("127.0.0.1", serve().port), timeout=5) as client:
        client.sendall(sent)
        said = b"".join(iter(lambda: client.recv(65536), b""))
    assert said.startswith(b"HTTP/1.")
    assert b"Server: dueclock\r\n" in said
    assert b"ython" not in said
    assert b"aiohttp" not in said
    assert [one for one in caplog.records if one.name != "asyncio"] == [], "whoever comes could fill the log"


def test_a_taken_port_is_one_sentence(serve: Serve, metrics: Metrics) -> None:
    server = serve()
    with pytest.raises(UserError, match=f"Cannot serve metrics on 127.0.0.1:{server.port} .*--metrics-port"):
        MetricsServer(metrics, Settings(metrics_port=server.port))
    with pytest.raises(UserError, match=r"Cannot serve metrics on 127.0.0.1:65536 .*--metrics-port"):
        MetricsServer(metrics, Settings(metrics_port=65536))


def test_a_port_is_free_again_when_it_is_closed(serve: Serve, metrics: Metrics) -> None:
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as idle:
        server.close()
        assert until_closed_s(idle) < 5
    MetricsServer(metrics, Settings(metrics_port=server.port)).close()
    assert [one.name for one in threading.enumerate() if one.name == "metrics"] == []


# --- who may see what -------------------------------------------------------------------------------------------------


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def test_where_other_machines_can_ask_metrics_and_clocks_want_the_token_and_health_does_not(
    serve: Serve, metrics: Metrics, token_file: Path
) -> None:
    metrics.is_ready = lambda: True
    metrics.clocks_page = lambda query: (200, query.encode())
    server = serve(metrics_host="0.0.0.0", http_token_file=str(token_file))
    for path in ("/healthz", "/readyz"):
        assert ask(server, path).status == 200
    for path in ("/metrics", "/clocks?limit=3"):
        refused = ask(server, path)
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert ask(server, path, headers=bearer(OTHER)).status == 401
        assert ask(server, path, headers=bearer("")).status == 401
        assert ask(server, path, headers={"Authorization": TOKEN}).status == 401
        assert ask(server, path, headers=bearer(TOKEN)).status == 200
    assert ask(server, "/clocks?limit=3", headers=bearer(TOKEN)).body == b"limit=3"


def test_where_other_machines_can_ask_and_there_is_no_token_nobody_sees_metrics(serve: Serve) -> None:
    server = serve(metrics_host="0.0.0.0")
    assert server.door.is_shut
    assert ask(server, "/metrics").status == 401
    assert ask(server, "/metrics", headers=bearer("")).status == 401
    assert ask(server, "/metrics", headers={"Authorization": "Bearer "}).status == 401
    assert ask(server, "/healthz").status == 200


def test_a_token_that_is_set_is_asked_for_on_this_machine_too(serve: Serve, token_file: Path) -> None:
    server = serve(http_token_file=str(token_file))
    assert ask(server, "/metrics").status == 401
    assert ask(server, "/metrics", headers=bearer(TOKEN)).status == 200


def test_a_token_for_clocks_opens_no_metrics(serve: Serve, metrics: Metrics, token_file: Path) -> None:
    metrics.clocks_page = lambda _query: (200, b"")
    server = serve(clocks_token=OTHER, http_token_file=str(token_file))
    assert ask(server, "/clocks", headers=bearer(OTHER)).status == 200
    assert ask(server, "/clocks", headers=bearer(TOKEN)).status == 200
    assert ask(server, "/metrics", headers=bearer(OTHER)).status == 401


def test_without_any_token_there_is_no_page_of_clocks(serve: Serve, metrics: Metrics) -> None:
    metrics.clocks_page = lambda _query: (200, b"")
    assert ask(serve(), "/clocks").status == 404


def test_a_token_that_is_changed_holds_from_the_next_request_on(serve: Serve, token_file: Path) -> None:
    server = serve(http_token_file=str(token_file))
    token_file.write_text(OTHER)
    assert ask(server, "/metrics", headers=bearer(TOKEN)).status == 401
    assert ask(server, "/metrics", headers=bearer(OTHER)).status == 200
    token_file.unlink()
    assert ask(server, "/metrics", headers=bearer(OTHER)).status == 401


@pytest.mark.parametrize(("text", "words"), [("short\n", "fewer than 16 characters"), (None, "cannot be read")])
def test_a_token_file_of_no_use_is_one_sentence(metrics: Metrics, tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=words) as refused:
        MetricsServer(metrics, Settings(http_token_file=str(file)))
    assert refused.value.exit_code == 2
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "is_it"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("10.0.0.1", False)],
)
def test_only_loopback_is_this_machine_alone(address: str, is_it: bool) -> None:
    assert is_loopback(address) is is_it


# --- TLS --------------------------------------------------------------------------------------------------------------


def make_certificate(folder: Path, name: str = "localhost") -> dict[str, str]:
    """A certificate that vouches for itself, for 127.0.0.1; the settings that name it."""
    cert, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(cert)],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return {"http_tls_cert": str(cert), "http_tls_key": str(key)}


def test_it_speaks_tls_under_the_certificate_that_is_named(serve: Serve, tmp_path: Path) -> None:
    named = make_certificate(tmp_path)
    server = serve(**named)
    trusting = ssl.create_default_context(cafile=named["http_tls_cert"])
    assert ask(server, "/healthz", tls=trusting).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(server, "/healthz", tls=ssl.create_default_context())
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(server, "/healthz")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(named["http_tls_cert"])
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(server, "/healthz", tls=old)


def test_a_certificate_that_is_renewed_holds_from_the_next_connection_on(serve: Serve, tmp_path: Path) -> None:
    server = serve(**make_certificate(tmp_path))
    named = make_certificate(tmp_path, "renewed")
    assert ask(server, "/healthz", tls=ssl.create_default_context(cafile=named["http_tls_cert"])).status == 200
    trusting = ssl.create_default_context(cafile=named["http_tls_cert"])
    Path(named["http_tls_cert"]).write_text("half written")
    assert ask(server, "/healthz", tls=trusting).status == 200


def test_a_certificate_of_no_use_is_one_sentence(metrics: Metrics, tmp_path: Path) -> None:
    named = make_certificate(tmp_path)
    Path(named["http_tls_key"]).write_text("no key")
    with pytest.raises(UserError, match="the key without a password") as refused:
        MetricsServer(metrics, Settings(**named))  # type: ignore[arg-type]  # settings by name
    assert refused.value.exit_code == 2
    with pytest.raises(ValueError, match="go together"):
        Settings(http_tls_cert=named["http_tls_cert"])


# --- a crowd ----------------------------------------------------------------------------------------------------------


def until_closed_s(one: socket.socket) -> float:
    """How long it takes until the other side closes."""
    since_s = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        while one.recv(65536):
            pass
    return time.monotonic() - since_s


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost:"])
def test_who_does_not_ask_in_time_is_sent_away(serve: Serve, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr("agents.metrics.connections.ASKS_WITHIN_S", 0.5)
    with socket.create_connection(("127.0.0.1", serve().port), timeout=40) as one:
        one.sendall(sent)
        assert 0.3 < until_closed_s(one) < 30


def test_a_connection_has_one_request(serve: Serve) -> None:
    with socket.create_connection(("127.0.0.1", serve().port), timeout=20) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        said = b"".join(iter(lambda: one.recv(65536), b""))
    assert said.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in said


def test_who_does_not_read_its_answer_is_sent_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, metrics: Metrics
) -> None:
    monkeypatch.setattr("agents.metrics.connections.GOES_WITHIN_S", 0.5)
    metrics.clocks_page = lambda _query: (200, b"x" * 50_000_000)
    server = serve(clocks_token=TOKEN)
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", server.port))
        one.sendall(f"GET /clocks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        wait_until(lambda: descriptors(server) == 0, lambda: "its descriptor", within_s=20)


def descriptors(server: MetricsServer) -> int:
    """How many of our side's connections to the endpoint stand."""
    own = psutil.Process().net_connections("tcp")
    return sum(one.status == "ESTABLISHED" and bool(one.laddr) and one.laddr.port == server.port for one in own)


def is_answered(server: MetricsServer, tls: ssl.SSLContext | None) -> bool:
    """Whether who asks has an answer; on a busy machine he may be taken for one of a crowd, and asks again."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(server, "/healthz", tls=tls).status == 200
    return False


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost:", b"\x16\x03\x01"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_crowd_that_does_not_ask_keeps_nobody_out(serve: Serve, tmp_path: Path, sent: bytes, is_tls: bool) -> None:
    named = make_certificate(tmp_path) if is_tls else {}
    server = serve(**named)
    tls = ssl.create_default_context(cafile=named["http_tls_cert"]) if is_tls else None
    crowd = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(20 * MOST)]
    try:
        for one in crowd:
            with contextlib.suppress(ConnectionError):
                one.sendall(sent)
        wait_until(lambda: is_answered(server, tls), lambda: "an answer beside the crowd", within_s=30)
        wait_until(lambda: descriptors(server) <= MOST + 1, lambda: f"{descriptors(server)} stand", within_s=20)
        assert sum(thread.name == "metrics" for thread in threading.enumerate()) == 1
    finally:
        for one in crowd:
            one.close()


# --- that nobody looks ------------------------------------------------------------------------------------------------


class OnALoop:
    """A loop that turns in a thread, until it is held."""

    def __init__(self, metrics: Metrics) -> None:
        self.loop = asyncio.new_event_loop()
        metrics.freshness.follow(self.loop)
        self._free = threading.Event()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def hold(self) -> None:
        """Let nothing on the loop have its turn."""
        self.loop.call_soon_threadsafe(self._free.wait)

    def let_go(self) -> None:
        """Go on."""
        self._free.set()

    def end(self) -> None:
        self.let_go()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


def age_s(server: MetricsServer, name: str) -> float | None:
    found = [line for line in ask(server, "/metrics").body.decode().splitlines() if line.startswith(f"{name} ")]
    return float(found[0].split()[1]) if found else None


def wait_for_status(server: MetricsServer, status: int, within_s: float) -> None:
    wait_until(lambda: ask(server, "/readyz").status == status, lambda: f"/readyz is {status}", within_s=within_s)


def test_a_loop_that_is_held_is_not_ready_and_its_age_is_a_metric(serve: Serve, metrics: Metrics) -> None:
    metrics.is_ready = lambda: True
    server = serve()
    assert age_s(server, "sla_loop_age_seconds") is None, "there is no loop yet"
    held = OnALoop(metrics)
    try:
        wait_for_status(server, 200, 20)
        wait_until(lambda: (age_s(server, "sla_loop_age_seconds") or 9.0) < STALE_S, lambda: "a young age", within_s=20)
        held.hold()
        wait_for_status(server, 503, STALE_S + 20)
        assert ask(server, "/readyz").body.startswith(b"the worker's loop has not turned for ")
        assert (age_s(server, "sla_loop_age_seconds") or 0.0) > STALE_S
        assert ask(server, "/healthz").status == 200
        held.let_go()
        wait_for_status(server, 200, 20)
        wait_until(lambda: (age_s(server, "sla_loop_age_seconds") or 9.0) < STALE_S, lambda: "a young age", within_s=20)
    finally:
        held.end()


def test_a_watch_that_does_not_look_is_not_ready_although_the_loop_turns(
    serve: Serve, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics.is_ready = lambda: True
    server = serve()
    assert age_s(server, "sla_watch_age_seconds") is None, "it has not begun"
    metrics.freshness.looked()
    assert ask(server, "/readyz").status == 200
    later_s = time.monotonic() + STALE_S + 1
    monkeypatch.setattr("agents.metrics.freshness.monotonic", lambda: later_s)
    assert ask(server, "/readyz").status == 503
    assert ask(server, "/readyz").body.startswith(b"the worker's watch has not looked for ")
    assert (age_s(server, "sla_watch_age_seconds") or 0.0) > STALE_S
    metrics.freshness.drop_the_watch()
    assert age_s(server, "sla_watch_age_seconds") is None
