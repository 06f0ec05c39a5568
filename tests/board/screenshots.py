"""The pictures of the pages: `python -m tests.board.screenshots` takes them anew from the tests' scene.

They are looked at before they are committed. The scene ends at the instant at which they are taken, so dates differ.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser

from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from tests.board.scene import KITCHEN, NORTH, RETRACTED, US, write_scene
from tests.board.serving import Board, beside, browser
from tests.repository.tree import ROOT

FOLDER: Final = ROOT / "docs" / "how-to" / "board"


class Shot(NamedTuple):
    """A picture: its file, its page, and how it is looked at. `wait_for` must be there first."""

    name: str
    path: str
    width: int = 1200
    height: int = 760
    scheme: str = "light"
    language: str = "en-US"
    zone: str = "America/Los_Angeles"
    is_whole: bool = False
    wait_for: str = "main"


SHOTS: Final = (
    Shot("queue", "/"),
    Shot("queue-dark-zh", "/", scheme="dark", language="zh-CN", zone="Asia/Shanghai"),
    Shot("clock", f"/clocks/{RETRACTED}?story=1", is_whole=True, wait_for="table.facts"),
    Shot("clock-ja", f"/clocks/{RETRACTED}", language="ja-JP", zone="Asia/Tokyo", height=860),
    Shot("day", "/day"),
    Shot("account", f"/accounts/{KITCHEN}/{US}", height=980),
    Shot("phone", f"/?seller={NORTH}", width=390, height=780),
)


def take(opened: Browser, url: str, shot: Shot, folder: Path) -> None:
    """Take one."""
    context = opened.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme="dark" if shot.scheme == "dark" else "light",
        locale=shot.language,
        timezone_id=shot.zone,
        reduced_motion="reduce",
    )
    context.add_cookies([{"name": "zone", "value": shot.zone, "url": url}])
    page = context.new_page()
    page.goto(url + shot.path)
    page.locator(shot.wait_for).first.wait_for()
    page.locator("[data-live-state]:not([hidden])").wait_for()
    page.screenshot(path=folder / f"{shot.name}.png", full_page=shot.is_whole)
    context.close()


def main(only: list[str]) -> None:
    """Take those that are named, or all."""
    with EmbeddedKafka() as kafka, tempfile.TemporaryDirectory() as folder, browser() as opened:
        settings = Settings(broker=kafka.bootstrap, topic_prefix="pictures-", partitions=2)
        beside(lambda: create_topics(settings))
        beside(lambda: write_scene(settings, int(time.time() * 1000)))
        board = Board(settings, Path(folder))
        FOLDER.mkdir(parents=True, exist_ok=True)
        for shot in SHOTS:
            if not only or shot.name in only:
                take(opened, board.url, shot, FOLDER)
                print(f"{shot.name}.png: {(FOLDER / f'{shot.name}.png').stat().st_size // 1024} KB")
        board.close()


if __name__ == "__main__":
    main(sys.argv[1:])
