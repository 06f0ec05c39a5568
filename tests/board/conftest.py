"""One broker, one scene, one board and one browser for all tests of the board."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from tests.audit.history import History
from tests.board.scene import write_scene
from tests.board.serving import Board, beside, browser

PARTITIONS = 2


class Scene(NamedTuple):
    """What stands on the topics."""

    settings: Settings
    histories: list[History]
    now_ms: int


@pytest.fixture(scope="session")
def scene(kafka: EmbeddedKafka) -> Scene:
    settings = Settings(broker=kafka.bootstrap, topic_prefix=f"board-{uuid4().hex[:6]}-", partitions=PARTITIONS)
    now_ms = int(time.time() * 1000)

    def made() -> list[History]:
        create_topics(settings)
        return write_scene(settings, now_ms)

    return Scene(settings, beside(made), now_ms)


@pytest.fixture(scope="session")
def board(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    started = Board(scene.settings, tmp_path_factory.mktemp("board"))
    yield started
    assert started.close() == 0, started.log()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Of a module alone: its driver keeps a loop, beside which the tests behind it could run none of theirs."""
    with browser() as opened:
        yield opened


class Tab:
    """A page of the browser that notes what must not happen: scripts that fail, what the CSP stopped, other hosts."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.url = url
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda asked: self._note(asked.url))

    def _note(self, asked: str) -> None:
        if not asked.startswith(self.url):
            self.wrong.append(f"asked {asked}")

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page


OpenTab = Callable[..., Tab]


@pytest.fixture
def tab(chrome: Browser, board: Board) -> Iterator[OpenTab]:
    """Open a tab on the scene's board, or on another; light, dark, narrow, or without scripts."""
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def opened(
        url: str = "", *, width: int = 1280, scheme: str = "light", language: str = "en-US", has_scripts: bool = True
    ) -> Tab:
        context = chrome.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=language,
            timezone_id="Asia/Shanghai",
            java_script_enabled=has_scripts,
            reduced_motion="reduce",
        )
        contexts.append(context)
        tabs.append(Tab(context, url or board.url))
        return tabs[-1]

    yield opened
    wrong = [one for each in tabs for one in each.wrong]
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def board_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("boards")
