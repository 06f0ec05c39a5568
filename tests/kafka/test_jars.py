"""The jars are those of the lock or are not used."""

from __future__ import annotations

import gc
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import embedded, jars
from tests.kafka.programs import STARTS_A_BROKER, interrupt, running
from tests.kafka_fixtures import eventually_now

# jgo leaves the answer open when a jar is not there.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

GOOD = b"a jar"
JAR = jars.Jar(hashlib.sha256(GOOD).hexdigest(), len(GOOD), "org.example", "thing", "1.0")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DUECLOCK_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "jars"
    gc.collect()


class Maven(http.server.ThreadingHTTPServer):
    """A repository with one jar."""

    answers: list[bytes]
    asked: list[str]
    is_slow = False


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Maven

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.is_slow:
            eventually_now(lambda: not self.server.is_slow, "the end of the test")
        if not self.path.endswith("thing-1.0.jar") or not self.server.answers:
            self.send_error(404)
            return
        answer = self.server.answers.pop(0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maven]:
    with Maven(("127.0.0.1", 0), _Answer) as server:
        server.answers, server.asked = [], []
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_lock_names_kafka_and_no_place_to_fetch_it_from() -> None:
    locked = jars.locked_jars()
    assert {jars.KAFKA, jars.LOG_BINDING} <= {jar.coordinates for jar in locked}
    assert len({jar.file_name for jar in locked}) == len(locked)
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in locked)
    text = (Path(jars.__file__).parent / "jars.lock").read_text()
    assert "/" not in text


def test_a_missing_jar_is_fetched_once_and_reported(maven: Maven, cache: Path) -> None:
    maven.answers = [GOOD]
    reports: list[str] = []
    (path,) = jars.class_path(reports.append, jars=[JAR])
    assert path.read_bytes() == GOOD
    assert left_in(cache) == ["thing-1.0.jar"]
    assert reports[0].startswith("Fetching Apache Kafka from Maven, once: 1 jars")
    asked = len(maven.asked)
    assert jars.class_path(reports.append, jars=[JAR]) == [path]
    assert (len(maven.asked), len(reports)) == (asked, 2)


def test_a_jar_cut_short_on_the_way_is_fetched_again(maven: Maven, cache: Path) -> None:
    maven.answers = [GOOD[:2], GOOD]
    (path,) = jars.class_path(jars=[JAR])
    assert path.read_bytes() == GOOD
    assert left_in(cache) == ["thing-1.0.jar"]


def test_a_jar_that_maven_changed_is_refused(maven: Maven, cache: Path) -> None:
    maven.answers = [b"A JAR", b"A JAR"]
    with pytest.raises(jars.JarsError, match=r"Maven sent a org\.example:thing:1\.0 that is not the one dueclock"):
        jars.class_path(jars=[JAR])
    assert left_in(cache) == []


def test_a_jar_that_maven_does_not_have(maven: Maven, cache: Path) -> None:
    with pytest.raises(jars.JarsError, match=r"could not be fetched from Maven \(.*thing.* not found\): check the"):
        jars.class_path(jars=[JAR])
    assert left_in(cache) == []


def test_no_maven_at_all(tmp_path: Path, maven: Maven) -> None:
    settings = tmp_path / "jgo.conf"
    settings.write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    with pytest.raises(embedded.EmbeddedKafkaError) as failure:
        embedded.start(tmp_path / "kafka")
    assert str(failure.value) == (
        "Kafka's jars could not be fetched from Maven ([Errno 111] Connection refused): check the network and the "
        "proxy settings and start again, or use a Kafka of your own with --broker."
    )


def test_ctrl_c_does_not_wait_for_a_slow_maven(maven: Maven, tmp_path: Path, cache: Path) -> None:
    maven.is_slow = True
    with running(STARTS_A_BROKER, str(tmp_path / "kafka")) as program:
        eventually_now(lambda: len(maven.asked) >= 4, "the fetch of the first jars")
        interrupt(program)
        assert program.wait(timeout=5) != 0
    maven.is_slow = False
    assert left_in(cache) == []


def test_a_jar_that_changed_in_the_cache_is_refused(tmp_path: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    for jar in jars.locked_jars():
        (cache / jar.file_name).write_bytes(b"changed")
    with pytest.raises(embedded.EmbeddedKafkaError) as failure:
        embedded.start(tmp_path / "kafka")
    assert str(failure.value) == (
        f"{cache}/kafka_2.13-4.3.1.jar is not the org.apache.kafka:kafka_2.13:4.3.1 that dueclock was built with "
        "(its SHA-256 differs): delete the file and start again to fetch it anew."
    )


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DUECLOCK_CACHE", str(tmp_path / "file"))
    with pytest.raises(jars.JarsError, match=r"cannot be kept in .*: make it writable for you, or set DUECLOCK_CACHE"):
        jars.class_path(jars=[JAR])


def test_the_cache_lies_where_it_is_wished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert jars.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("DUECLOCK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert jars.cache_folder() == tmp_path / "xdg" / "dueclock"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert jars.cache_folder() == tmp_path / "home" / ".cache" / "dueclock"
