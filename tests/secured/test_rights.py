"""Each right is needed and is named: without it a job of its role fails with a sentence, and `doctor` says which it is.

Of each role one right to each kind of resource is tried; with DUECLOCK_TEST_SECURED=all (`make secured`) every single
one. What was found goes into the table that DUECLOCK_TEST_TABLE names.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from agents.cli.main import run as run_command
from agents.errors import UserError
from agents.kafka.acls import give, missing_rights, take
from agents.kafka.clients import admin_client, new_producer, run_with_broker
from agents.kafka.embedded import give_rights, settings_file
from agents.kafka.rights import INPUTS, ROLES, Right, Role, rights_of
from agents.kafka.transactions import Outbox, transactions_of
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, DEAD_LETTER, JOURNAL, OUTPUTS, READ_TOPICS, REPARTITION
from schemas.registry import ALL_TOPICS, Logical
from tests.broker.harness import seller_on, wait_until
from tests.cli.command import dueclock, sentence_of
from tests.secured.conftest import PARTITIONS, Secured
from tests.secured.table import note
from tests.secured.workers import ask, read, send, working, write_settings

pytestmark = pytest.mark.broker

ARE_ALL = os.environ.get("DUECLOCK_TEST_SECURED") == "all"
_GROUP = "dueclock-subscriber-rights"
_PREFIXES: dict[Role, str] = {"administrator": "administered-", "grow-to": "grown-"}
"""Of topics of their own."""
_GROWN_TO = f"topics create --topic-prefix grown- --partitions {PARTITIONS}"


class Case(NamedTuple):
    """A right of a role that is taken away."""

    role: Role
    right: Right
    topic: Logical | None

    def __str__(self) -> str:
        return f"{self.role}: {self.right}"


def all_cases() -> list[Case]:
    found = []
    for role in ROLES:
        for topic in INPUTS if role == "producer" else (None,):
            settings = Settings(topic_prefix=_PREFIXES.get(role, ""), snapshots="topic")
            found += [Case(role, right, topic) for right in rights_of(role, settings, topic)]
    return found


def cases() -> list[Case]:
    """All, or the last one to each kind of resource for each role."""
    kinds = {(case.role, case.right.resource, case.right.is_prefix): case for case in all_cases()}
    return all_cases() if ARE_ALL else list(kinds.values())


class Stage:
    """The broker with a history to look back at, and what each role does there."""

    groups = itertools.count()

    def __init__(self, secured: Secured) -> None:
        self._secured = secured
        self._folder = Path(secured.settings.state_dir)
        self.clock = ""
        self.unread = ""

    def prepare(self) -> None:
        """A worker opens a clock and refuses something from each topic; the administrator has topics of its own."""
        file = settings_file(self._secured.settings, "worker")
        with working("before", file, self._folder):
            ask(self._secured.of("producer"), seller_on(0, PARTITIONS), "first")
            told = asyncio.run(read(self._secured.of("subscriber"), OUTPUTS, group=_GROUP, wanted=[b"T-first"]))
            self.clock = json.loads(told[b"T-first"])["clock_id"]
            for topic in READ_TOPICS:
                asyncio.run(send(self._secured.of("broker"), topic, topic.encode(), b"A1/ATVPDKIKX0DER"))

            def letters() -> str:
                return self.command("auditor", "deadletter list --json")

            wait_until(lambda: letters().count('"reason"') == len(READ_TOPICS), letters, within_s=40)
        self.unread = asyncio.run(send(self._secured.of("producer"), "buyer-message", b"unread", b"A1/ATVPDKIKX0DER"))
        asyncio.run(_leave_traces(self._secured.of("broker")))
        for role in _PREFIXES:
            give_rights(self._secured.settings, self.settings(role))
        self.command("administrator", "topics create")
        self.command("administrator", _GROWN_TO)
        write_settings(self.settings("grow-to"), self._folder / "next.toml")

    def settings(self, role: Role) -> Settings:
        """How a role connects."""
        return self._secured.of(role, topic_prefix=_PREFIXES.get(role, ""))

    def change(self, case: Case, *, is_taken: bool) -> None:
        """Take a right, or give it back, and wait until that is in force."""

        async def changed() -> None:
            async with admin_client(self._secured.of("broker")) as admin:
                await (take if is_taken else give)(admin, f"User:{case.role}", [case.right])

        asyncio.run(changed())
        wanted = [case.right] if is_taken else []
        wait_until(lambda: self.lacks(case) == wanted, lambda: f"{wanted}, not {self.lacks(case)}", within_s=30)

    def lacks(self, case: Case) -> list[Right]:
        """What `dueclock doctor` says."""
        return missing_rights(self.settings(case.role), case.role, case.topic)

    def command(self, role: Role, words: str) -> str:
        """A command of dueclock as this role: what it says, or UserError with its sentence."""
        out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
        prefix = self.settings(role).topic_prefix
        flags = ["--topic-prefix", prefix] if prefix and "--topic-prefix" not in words else []
        arguments = ["--settings", str(settings_file(self._secured.settings, role)), *words.split(), *flags]
        with contextlib.chdir(self._folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run_command(arguments)
        said_out = out.buffer.getvalue().decode()
        if not status:
            return str(said_out)
        said = err.getvalue().strip().splitlines()
        assert "Traceback" not in err.getvalue(), err.getvalue()
        raise UserError(said[-1].removeprefix("dueclock: ") if said else str(said_out), status)

    def jobs(self, case: Case) -> dict[str, Callable[[], object]]:
        """What this role does that may need this right, by name."""
        role, right, settings = case.role, case.right, self.settings(case.role)
        words: list[str] = []
        if role == "worker":
            return {"worker": self._worker}
        if role == "producer":
            sent = b"{}", b"A1/ATVPDKIKX0DER"
            return {
                "send": lambda: run_with_broker(settings, lambda: send(settings, case.topic or "buyer-message", *sent))
            }
        if role == "subscriber":
            topics = [topic for topic in OUTPUTS if right.resource != "topic" or right.name == settings.topic(topic)]
            wanted: list[bytes] = []
            is_delivering = right.name.endswith("-deliver-")
            group = f"{settings.group}-deliver-rights" if is_delivering else _GROUP
            return {
                "read, as deliver does" if is_delivering else "read": lambda: run_with_broker(
                    settings, lambda: read(settings, topics, group=f"{group}-{next(self.groups)}", wanted=wanted)
                )
            }
        if role == "administrator":
            words = ["topics check"]
            if right.operation == "Create":
                return {"topics create": lambda: self._make_anew(right.name)}
            if right.operation == "AlterConfigs":
                return {"change a topic's settings": lambda: run_with_broker(settings, lambda: _alter(settings, right))}
        elif right.operation == "Write" and right.name in (
            settings.topic(one) for one in (JOURNAL, CHANGELOG, *(OUTPUTS if role == "operator" else (DEAD_LETTER,)))
        ):
            job = "write, as rebuild does" if role == "operator" else "write, as grow does"
            return {job: lambda: run_with_broker(settings, lambda: _write(settings, right.name))}
        elif role in ("grow-from", "grow-to"):
            is_of_a_beginning = role == "grow-to" and right.name == settings.topic(CHANGELOG)
            return {"grow": lambda: self._grow(is_anew=is_of_a_beginning)}
        else:
            words = [
                "topics check",
                "audit",
                "clocks",
                "deadletter list",
                f"explain {self.clock}",
                "journal export",
                "journal archive --archive kept",
            ]
            redrive = "deadletter redrive --since 2020-01-01T00:00:00Z --again --yes"
            if role == "operator" and right.resource != "topic":
                words = ["rebuild", redrive]
            elif role == "operator" and right.operation == "Write":
                words = [redrive]
            elif role == "operator" and right == Right("topic", settings.topic(REPARTITION), "Read"):
                words = ["rebuild"]
        return {one: lambda one=one: self.command(role, one) for one in words}  # type: ignore[misc] # bound now

    def _worker(self) -> None:
        ended = dueclock("--settings", settings_file(self._secured.settings, "worker"), "worker", folder=self._folder)
        raise UserError(sentence_of(ended), ended.status)

    def _grow(self, *, is_anew: bool = False) -> None:
        """To topics that were grown to before: what they hold is compared, and what nobody read is set aside.

        `is_anew`: to partitions that have not begun.
        """
        if is_anew:
            self._make_anew("grown-sla-journal", _GROWN_TO)
        self.command("grow-from", f"grow --to next.toml --skip-line {self.unread}")

    def take_back(self) -> None:
        """The topics that were left are kept again."""
        self.command("grow-from", "grow --back")

    def _make_anew(self, topic: str, words: str = "topics create") -> None:
        """Somebody deleted a topic: the administrator makes it again."""

        async def deleted() -> None:
            async with admin_client(self._secured.of("broker")) as admin:
                await admin.delete_topics([topic])

        asyncio.run(deleted())
        self.command("administrator", words)


async def _leave_traces(settings: Settings) -> None:
    """An aborted transaction in each output: nothing that counts, but a log that has to be read to be audited."""
    producer = new_producer(settings, transactional_id="traces")
    try:
        await producer.start()
        await producer.begin_transaction()
        for topic in OUTPUTS:
            await producer.send_and_wait(settings.topic(topic), b"{}", partition=0)
        await producer.abort_transaction()
    finally:
        await producer.stop()


async def _write(settings: Settings, *topics: str) -> None:
    transactions = transactions_of(settings, 0)
    outbox = Outbox()
    for topic in topics:
        outbox.put(topic, 0, b"key", b"value")
    await transactions.start()
    try:
        await transactions.write(outbox)
    finally:
        await transactions.stop()


async def _alter(settings: Settings, right: Right) -> None:
    async with admin_client(settings) as admin:
        needed = {settings.topic(topic.name): topic.kafka_settings() for topic in ALL_TOPICS}
        resource = ConfigResource(ConfigResourceType.TOPIC, right.name, needed[right.name])
        for answer in await admin.alter_configs([resource]):
            for code, *_ in answer.resources:
                if code:
                    raise for_code(code)(right.name)


def first_failure(jobs: dict[str, Callable[[], object]]) -> tuple[str, str]:
    """The first job that fails, with its sentence; nothing where none does."""
    for job, do in jobs.items():
        try:
            do()
        except UserError as error:
            return job, error.sentence
    return "", ""


@pytest.fixture(scope="module")
def stage(secured: Secured) -> Stage:
    made = Stage(secured)
    made.prepare()
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", cases(), ids=str)
def test_without_a_right_a_job_of_the_role_fails_and_says_what_it_lacks(stage: Stage, case: Case) -> None:
    assert stage.lacks(case) == []
    stage.change(case, is_taken=True)
    try:
        job, sentence = first_failure(stage.jobs(case))
    finally:
        stage.change(case, is_taken=False)
    assert case.right.name in sentence, f"no job of the {case.role} fails for want of {case.right}: {job} {sentence}"
    note("right", role=case.role, right=str(case.right), job=job, sentence=sentence)
    if case.right.operation == "Create":
        stage.command("administrator", "topics create")
    if job == "grow":
        stage.take_back()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ROLES)
def test_with_all_rights_each_job_is_done(stage: Stage, role: Role) -> None:
    """What fails above succeeds here, so that it is the right that it lacked; test_roles.py has workers and readers."""
    own = [case for case in all_cases() if case.role == role]
    done: set[str] = set()
    for case in reversed(own):  # a subscriber's group comes first: it reads all topics, also where one is empty
        for job, do in stage.jobs(case).items():
            if job not in done and job != "worker" and not job.startswith("write, as"):
                done.add(job)
                do()
    if "grow" in done:
        stage.take_back()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("role", ROLES)
def test_a_doctor_finds_nothing_missing_where_a_role_has_its_rights(stage: Stage, role: Role) -> None:
    topic = " --topic buyer-message" if role == "producer" else ""
    said = stage.command(role, f"doctor --role {role}{topic}")
    assert f"all that the role {role} needs" in said


def test_a_transaction_that_a_broker_refuses_is_given_up_at_once(stage: Stage) -> None:
    """Its client would try on for forty seconds, and take all of the processor for it."""
    settings = stage.settings("operator")
    lost = next(
        case for case in all_cases() if case.role == "operator" and str(case.right) == "Write on the topic support-case"
    )
    stage.change(lost, is_taken=True)
    try:
        began_s = time.monotonic()
        with pytest.raises(UserError, match="the topic support-case"):
            run_with_broker(settings, lambda: _write(settings, *READ_TOPICS))
        assert time.monotonic() - began_s < 15
    finally:
        stage.change(lost, is_taken=False)
