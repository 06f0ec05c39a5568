"""The jars of Apache Kafka: fetched once, checked at every start.

`jars.lock` is the truth: Maven coordinates, size and SHA-256 of each jar, in class path order. A jar that is missing in
the cache is fetched by jgo, compared with the lock and only then put in its place, so an interrupted download leaves
nothing behind. A jar that differs is never given to Java (to hash all 46 takes 0.03 s). The cache is `$DUECLOCK_CACHE`,
else `$XDG_CACHE_HOME/dueclock`, else `~/.cache/dueclock`. A mirror of Maven goes into jgo's own settings file.

`python -m deploy.jars > deploy/jars.lock` writes the lock anew after a change of version here. Two traps: the log
binding is resolved by itself and only its own jar added (resolved together, its dependency management pulls
kafka-clients down to 3.9); and `jgo.build` wants a JDK 11 to sort jars into modules, hence jgo's Maven layer.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"

_FETCHES_AT_ONCE = 4
_TRIES = 2
_TIMEOUT_S = 20
_OWN_KAFKA = "use a Kafka of your own with --broker"

Report = Callable[[str], None]


class JarsError(Exception):
    """One sentence that says what is wrong with the jars and what to do."""


class Jar(NamedTuple):
    """One line of the lock."""

    sha256: str
    size: int
    group: str
    artifact: str
    version: str

    @property
    def coordinates(self) -> str:
        """As Maven writes them."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        """As Maven and the cache name it."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(text: str) -> list[Jar]:
    """The jars of a lock file, in class path order."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            sha256, size, coordinates = line.split()
            jars.append(Jar(sha256, int(size), *coordinates.split(":")))
    return jars


def locked_jars() -> list[Jar]:
    """The jars that dueclock runs Kafka from."""
    return read_lock(resources.files("deploy").joinpath("jars.lock").read_text("utf-8"))


def cache_folder() -> Path:
    """Where the jars are kept between starts."""
    if chosen := os.environ.get("DUECLOCK_CACHE"):
        return Path(chosen).expanduser().absolute()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser().absolute() / "dueclock"
    try:
        return Path.home() / ".cache" / "dueclock"
    except RuntimeError as error:
        raise JarsError("There is no home folder to keep Kafka's jars in: set DUECLOCK_CACHE to a folder.") from error


def class_path(report: Report | None = None, *, jars: list[Jar] | None = None) -> list[Path]:
    """Kafka's jars as files that are what the lock says; fetches missing ones and reports on it. Raises JarsError."""
    jars = locked_jars() if jars is None else jars
    folder = cache_folder() / "jars"
    try:
        if missing := [jar for jar in jars if not (folder / jar.file_name).is_file()]:
            folder.mkdir(parents=True, exist_ok=True)
            _fetch_all(missing, folder, report or print_nothing)
        for jar in jars:
            _check(jar, folder / jar.file_name)
    except OSError as error:
        raise JarsError(_os_sentence(error, folder)) from error
    return [folder / jar.file_name for jar in jars]


def print_nothing(_line: str) -> None:
    """A report for those who want none."""


def _check(jar: Jar, path: Path) -> None:
    if _sha256(path) != jar.sha256:
        raise JarsError(
            f"{path} is not the {jar.coordinates} that dueclock was built with (its SHA-256 differs): "
            "delete the file and start again to fetch it anew."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_all(missing: list[Jar], folder: Path, report: Report) -> None:
    """Fetch a few at once. Daemon threads, because Ctrl-C shall not wait for a slow network."""
    total_mb = sum(jar.size for jar in missing) / 1e6
    report(f"Fetching Apache Kafka from Maven, once: {len(missing)} jars, {total_mb:.0f} MB, into {folder}")
    with _scratch(folder) as scratch:
        outcomes = _fetches(missing, scratch, folder)
        fetched_mb = 0.0
        for count in range(1, len(missing) + 1):
            outcome = outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            fetched_mb += outcome.size / 1e6
            if count % 10 == 0 or count == len(missing):
                report(f"  {count} of {len(missing)} jars, {fetched_mb:.0f} of {total_mb:.0f} MB")


def _fetches(missing: list[Jar], scratch: Path, folder: Path) -> SimpleQueue[Jar | BaseException]:
    todo: SimpleQueue[Jar] = SimpleQueue()
    outcomes: SimpleQueue[Jar | BaseException] = SimpleQueue()
    for jar in sorted(missing, key=lambda jar: -jar.size):
        todo.put(jar)

    def work() -> None:
        try:
            context = _maven()
            while scratch.exists():  # it goes when the first fetch fails
                jar = todo.get_nowait()
                _fetch(jar, context, scratch, folder)
                outcomes.put(jar)
        except Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for the outcome
            outcomes.put(error)

    for _ in range(_FETCHES_AT_ONCE):
        threading.Thread(target=work, name="fetch Kafka's jars", daemon=True).start()
    return outcomes


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _maven() -> MavenContext:
    """Maven as jgo's settings file has it: its [repositories] may name a mirror as `central`."""
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError as error:
        raise JarsError(
            "The package jgo, which fetches Kafka's jars, is not installed: install dueclock with its dependencies."
        ) from error
    repositories = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    return MavenContext(local_repos=[], remote_repos=repositories, timeout=_TIMEOUT_S)


def _fetch(jar: Jar, context: MavenContext, scratch: Path, folder: Path) -> None:
    """Fetch one jar into the scratch folder, check it, and only then move it to its place."""
    import requests

    for tries_left in reversed(range(_TRIES)):
        context.repo_cache = scratch / f"{jar.file_name}-{tries_left}"
        try:
            fetched = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (requests.RequestException, RuntimeError) as error:
            if tries_left:
                continue
            raise JarsError(
                f"Kafka's jars could not be fetched from Maven ({_reason(error)}): "
                f"check the network and the proxy settings and start again, or {_OWN_KAFKA}."
            ) from error
        if _sha256(fetched) == jar.sha256:
            fetched.replace(folder / jar.file_name)
            return
    raise JarsError(
        f"Maven sent a {jar.coordinates} that is not the one dueclock was built with (its SHA-256 differs): "
        f"check what stands between this machine and Maven, or {_OWN_KAFKA}."
    )


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words; what is wrapped around it names objects that help nobody."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    words = str(error).partition(" in remote repositories")[0].splitlines()
    return words[0][:120] if words else type(error).__name__


def _os_sentence(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: make room for Kafka's jars (45 MB) in {folder}, or set DUECLOCK_CACHE to a folder."
    return (
        f"Kafka's jars cannot be kept in {folder} ({error.strerror or error}): "
        "make it writable for you, or set DUECLOCK_CACHE to another folder."
    )


def _resolve_lock(scratch: Path) -> Iterator[str]:
    """The lines of a new lock file, from Maven's own resolution."""
    context = _maven()
    context.repo_cache = scratch
    given, implied = context.resolver.resolve([context.create_dependency(KAFKA)])
    artifacts = [dependency.artifact for dependency in given]
    artifacts += [dependency.artifact for dependency in implied if dependency.scope in ("compile", "runtime")]
    artifacts.append(context.create_dependency(LOG_BINDING).artifact)
    for artifact in artifacts:
        path = artifact.resolve()
        coordinates = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        yield f"{_sha256(path)} {path.stat().st_size:>9} {coordinates}\n"


def main() -> None:
    """Write a new lock to standard output."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = list(_resolve_lock(Path(scratch)))
    print("# SHA-256, bytes and Maven coordinates of each jar, in class path order; by `python -m deploy.jars`.")
    sys.stdout.writelines(lines)


if __name__ == "__main__":
    main()
