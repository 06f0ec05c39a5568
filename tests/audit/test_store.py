"""Where snapshots and archive lie: a folder and a bucket behind the S3 API (moto's server) do the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer

from agents.journal.store import Files, MissingError, StoreError
from agents.settings import Settings
from tests.audit.conftest import Run
from tests.audit.test_cut_journal import Past, cut

BUCKET = "dueclock-test"
LARGE = 12 << 20
"""More than one part of an upload."""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 that answers, with a bucket in it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    requests.put(f"http://{host}:{port}/{BUCKET}", timeout=10).raise_for_status()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket, and the variables by which a program reaches it."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
        ("AWS_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    return f"s3://{BUCKET}/here"


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_files_are_there_whole_by_their_names_and_go(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = str(tmp_path / "new" / "place") if kind == "folder" else str(request.getfixturevalue("bucket"))
    store = Files(place)

    async def used() -> None:
        assert await store.names("a") == []
        await store.write("a/2/x", iter([b"one", b"two"]))
        await store.write("a/1/y", (bytes(1 << 20) for _ in range(LARGE >> 20)))
        assert await Files(place).names("a") == ["a/1/y", "a/2/x"]
        assert await store.names("a/2") == ["a/2/x"]
        assert await store.read("a/2/x") == b"onetwo"
        assert len(await store.read("a/1/y")) == LARGE
        await store.remove(["a/2/x"])
        with pytest.raises(MissingError, match=r"has no a/2/x"):
            await store.read("a/2/x")

    asyncio.run(used())


def test_what_breaks_off_while_it_is_written_has_no_name(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield bytes(LARGE)
        raise OSError(28, "No space left on device")

    store = Files(str(tmp_path))
    with pytest.raises(StoreError, match="No space left on device"):
        asyncio.run(store.write("a/x", parts()))
    assert asyncio.run(store.names("a")) == []


def test_a_folder_is_its_owners_alone(tmp_path: Path) -> None:
    asyncio.run(Files(str(tmp_path / "place")).write("a/x", iter([b"one"])))
    assert (tmp_path / "place").stat().st_mode & 0o077 == 0


def test_a_store_that_is_not_there_is_a_sentence_without_a_secret(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError) as refused:
        asyncio.run(Files("s3://no-such-bucket/here").read("x"))
    assert "s3://no-such-bucket/here" in str(refused.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError) as away:
        asyncio.run(Files(bucket).names("x"))
    assert "canary-secret" not in str(away.value)
    assert "\n" not in str(away.value)


@pytest.mark.broker
def test_an_archive_in_a_bucket_is_read_when_the_head_is_gone(
    settings: Settings, run: Run, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", bucket)
    past = Past(settings, run, tmp_path)
    whole = past.told("audit")
    assert run("journal", "archive").status == 0
    cut(settings, past.sealed + 1)
    assert past.told("audit") == whole
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    ended = run("audit")
    assert ended.status == 2
    assert "is gone, and what is kept of it cannot be read" in ended.err
