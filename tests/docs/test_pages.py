"""Every page keeps its word: its commands run in the order in which they stand, and bring what the page shows.

A page is one session in an empty folder, beside a broker that is its alone for as long as it lasts. Output is compared
word by word; what differs from run to run (a duration, a port) is masked, for the pages that say so in `STAGES`.
`DUECLOCK_TEST_REWRITE=1` puts what came out into the pages instead: read the difference before you commit it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from agents.kafka.embedded import running_broker
from agents.kafka.topics import create_topics, delete_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from schemas.codec import parse_instant
from schemas.dead_letters import HEADER_REDRIVEN
from schemas.headers import HEADER_ORIGIN
from schemas.policies import shipped_policies
from schemas.registry import INPUT_TOPICS
from streams.partitioner import partition_of
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, History
from tests.cli.command import dueclock
from tests.docs.blocks import ROOT, Block, blocks_of, name_of, pages, with_outputs
from tests.docs.session import GOES_ON, Session, fill_bin
from tests.kafka_fixtures import eventually, eventually_now, read_to_end
from tests.secured.observed import BRIEF

RUN_BY_CI = {"make run", "make test", "make check", "make docs"}
"""Lines that CI types itself, or that `tests/demo` runs."""

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ID = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b")
SPEED = re.compile(r"in [\d.,]+ s \([\d,]+ a second\)")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
COUNTDOWN = re.compile(r"-?(\d+ d \d+ h|\d+ h \d+ min)")
ORIGIN = re.compile(r"(?<=buyer-message/)\d+/\d+")


def home(settings: Settings) -> int:
    """The partition of the golden cases' account."""
    return partition_of(GOLDEN_ACCOUNT.encode(), settings.partitions)


def breach(settings: Settings) -> History:
    """A return that was refunded too late."""
    return History(home(settings)).tell(BREACH)


def shipped(settings: Settings) -> History:
    """The same under the policies that are shipped."""
    return History(home(settings), shipped_policies()).tell(BREACH)


def sealed(settings: Settings) -> History:
    """The same between two seals."""
    history = History(home(settings)).wait_until(parse_instant("2026-02-01T00:00:00Z")).seal(settings).tell(BREACH)
    return history.seal(settings).wait_until(parse_instant("2026-02-13T00:00:00Z"))


class Stage(NamedTuple):
    """How a page begins: in an empty folder; beside a broker or not; with a history in its journal or not.

    `masks` are what may differ from run to run.
    """

    has_broker: bool = True
    history: Callable[[Settings], History] | None = None
    masks: tuple[re.Pattern[str], ...] = ()


STAGES: dict[str, Stage] = {
    "README.md": Stage(masks=(INSTANT, ID, SPEED, ORIGIN)),
    "docs/tutorial/a-file.md": Stage(has_broker=False),
    "docs/tutorial/on-kafka.md": Stage(has_broker=False, masks=(INSTANT, ID, SPEED)),
    "docs/how-to/run-beside-your-kafka.md": Stage(),
    "docs/how-to/connect-to-a-secured-kafka.md": Stage(has_broker=False),
    "docs/how-to/from-seller-central.md": Stage(masks=(INSTANT, DAY, COUNTDOWN)),
    "docs/how-to/send-notifications.md": Stage(masks=(INSTANT, ID)),
    "docs/how-to/subscribe.md": Stage(),
    "docs/how-to/hear-of-what-is-due.md": Stage(history=breach),
    "docs/how-to/report-a-week.md": Stage(history=breach),
    "docs/how-to/change-the-policies.md": Stage(history=shipped),
    "docs/how-to/explain-a-clock.md": Stage(history=breach),
    "docs/how-to/audit.md": Stage(history=sealed, masks=(SPEED,)),
    "docs/how-to/see-what-is-due-next.md": Stage(masks=(INSTANT, COUNTDOWN)),
    "docs/how-to/look-at-what-is-due-in-a-browser.md": Stage(),
    "docs/how-to/send-dead-letters-again.md": Stage(masks=(INSTANT,)),
    "docs/how-to/watch-the-workers.md": Stage(),
    "docs/how-to/mend-what-broke.md": Stage(history=breach, masks=(SPEED,)),
    "docs/how-to/upgrade.md": Stage(history=breach),
}


class World(NamedTuple):
    """One page's."""

    session: Session
    folder: Path


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedKafka]:
    """The reader's Kafka: each page finds it without a topic of ours."""
    with EmbeddedKafka(options=BRIEF) as started:
        yield started


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    stage: Stage = request.getfixturevalue("stage")
    folder = tmp_path / "here"
    folder.mkdir()
    address = None
    if stage.has_broker:
        address = request.getfixturevalue("broker").bootstrap
        settings = Settings(broker=address)
        delete_topics(settings)
        if stage.history is not None:
            create_topics(settings)
            stage.history(settings).write(settings)
    session = Session(folder, fill_bin(tmp_path / "bin"), address)
    try:
        yield World(session, folder)
    finally:
        badly = session.close()
        if (folder / ".dueclock" / "kafka").is_dir():
            dueclock("kafka", "stop", folder=folder)
    assert badly == []


def runs_here(text: str) -> bool:
    """Whether a block is to be typed: not if it is what CI types."""
    lines = [line for line in text.splitlines() if line.strip()]
    is_ci = [line.split("  #")[0].strip() in RUN_BY_CI for line in lines]
    assert all(is_ci) or not any(line.startswith("make ") for line in lines), f"nobody runs all of: {text}"
    return not all(is_ci)


def words(text: str, masks: tuple[re.Pattern[str], ...]) -> list[str]:
    """Words alone: columns are as wide as what stands in them."""
    for number, mask in enumerate(masks):
        text = mask.sub(f"<{number}>", text)
    return re.sub(r"[\s─]+", " ", text).split()


def is_settled(address: str) -> bool:
    """Whether each partition has its policies, and every input record is a journal line or a dead letter."""
    settings = Settings(broker=address)
    inputs = [settings.topic(topic.name) for topic in INPUT_TOPICS]
    told, journal, letters = (
        asyncio.run(read_to_end(address, topics))
        for topics in (inputs, settings.topic("sla-journal"), settings.topic("dead-letter"))
    )
    lines = [record for record in journal if HEADER_ORIGIN in dict(record.headers)]
    refused = [record for record in letters if HEADER_REDRIVEN not in dict(record.headers)]
    has_policies = len({record.partition for record in journal}) == settings.partitions
    return has_policies and len(told) == len(lines) + len(refused)


def is_ready(metrics: str) -> bool:
    try:
        return requests.get(f"{metrics}/readyz", timeout=2).ok
    except requests.ConnectionError:
        return False


def wait_for_the_worker(world: World) -> None:
    """A reader is slower than a worker."""
    if (metrics := world.session.metrics) is not None:
        eventually_now(lambda: is_ready(metrics), lambda: f"a worker that is ready; {world.session.log()}", within_s=40)
    address = world.session.broker or running_broker(Settings(state_dir=str(world.folder / ".dueclock")))
    assert address is not None
    asyncio.run(
        eventually(
            lambda: asyncio.to_thread(is_settled, address), lambda: f"the worker; {world.session.log()}", within_s=40
        )
    )


def same(block: Block, came_out: str, masks: tuple[re.Pattern[str], ...]) -> bool:
    if block.language == "json":
        documents = [json.dumps(json.loads(text), sort_keys=True, indent=1) for text in (block.text, came_out)]
        return words(documents[0], masks) == words(documents[1], masks)
    return words(block.text, masks) == words(came_out, masks)


@pytest.mark.broker
@pytest.mark.timeout(150)
@pytest.mark.parametrize("stage", STAGES.values(), ids=list(STAGES))
def test_a_page_runs_as_it_stands(world: World, stage: Stage, request: pytest.FixtureRequest) -> None:
    page = ROOT / request.node.callspec.id
    text = page.read_text()
    blocks = blocks_of(text)
    seen: dict[int, str] = {}
    differs: dict[int, str] = {}
    for number, block in enumerate(blocks):
        if block.language == "sh" and runs_here(block.text):
            if block.text.startswith("dueclock kafka stop"):
                assert world.session.end_background() == []
            elif any("worker" in command for command in world.session.background):
                wait_for_the_worker(world)
            seen[number] = world.session.type(block.text)
        elif block.shows is not None and block.shows in seen and not same(block, seen[block.shows], stage.masks):
            differs[number] = seen[block.shows]
    if os.environ.get("DUECLOCK_TEST_REWRITE") and differs:
        page.write_text(with_outputs(text, {number: tidy(came_out) for number, came_out in differs.items()}))
        pytest.fail(f"{name_of(page)} is written anew")
    for number, came_out in differs.items():
        shown = blocks[number]
        assert words(came_out, stage.masks) == words(shown.text, stage.masks), f"{name_of(page)}:{shown.line}"
        pytest.fail(f"{name_of(page)}:{shown.line} shows another document than {came_out}")


def tidy(text: str) -> str:
    """What came out, as a page shows it."""
    return "".join(line.rstrip() + "\n" for line in text.strip("\n").split("\n"))


def test_every_page_with_a_command_is_run() -> None:
    with_commands = {
        name_of(page)
        for page in pages()
        if any(block.language == "sh" and runs_here(block.text) for block in blocks_of(page.read_text()))
    }
    assert with_commands == set(STAGES)


def test_every_block_is_of_a_kind_that_something_proves() -> None:
    kinds = {"sh", "text", "json", "python", "java", "toml", ""}
    strange = [
        f"{name_of(page)}:{block.line} is {block.language!r}"
        for page in pages()
        for block in blocks_of(page.read_text())
        if block.language not in kinds or (block.language == "text" and block.shows is None)
    ]
    assert strange == []


def test_no_block_hides_from_these_tests() -> None:
    hidden = [
        name_of(page)
        for page in pages()
        if len(re.findall(r"^\s*(```|~~~)", page.read_text(), re.MULTILINE)) != 2 * len(blocks_of(page.read_text()))
    ]
    assert hidden == []


def test_an_output_that_differs_is_noticed() -> None:
    page = "```sh\nx\n```\n\n```text\na  1\n```\n"
    shown = blocks_of(page)[1]
    assert shown.shows == 0
    assert same(shown, "a 1\n", ())
    assert not same(shown, "a 2\n", ())
    assert same(shown, "a 2\n", (re.compile(r"\d"),))
    assert with_outputs(page, {1: "a 2\n"}) == page.replace("a  1", "a 2")


def test_what_goes_on_is_known() -> None:
    assert GOES_ON.match("dueclock worker --broker localhost:9092")
    assert not GOES_ON.match("dueclock canary --for 10s")
    assert GOES_ON.match("DUECLOCK_CANARY=true dueclock worker")
    assert not GOES_ON.match("dueclock audit")
