"""What the README shows of `explain` and `what-if` is what they say of a golden case on a real broker."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from agents.settings import Settings
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, History
from tests.cli.command import ROOT
from tests.explain.test_what_if_command import with_target

__all__ = ["run", "settings"]

README = (ROOT / "README.md").read_text()
ADDRESS = " --broker localhost:9092"


def shown(command: str) -> tuple[str, str]:
    """The command of the README that begins so, and the block behind its own."""
    found = re.search(rf"^({re.escape(command)} .*)\n(?:.*\n)*?```\n\n```\n((?:.*\n)*?)```$", README, re.MULTILINE)
    assert found is not None, f"the README does not show {command}"
    return found[1], found[2]


def plain(text: str, prefix: str = "") -> list[str]:
    """Words alone: columns are as wide as the names of the topics."""
    return re.sub(r"[\s─]+", " ", text.replace(prefix, "") if prefix else text).split()


@pytest.mark.broker
@pytest.mark.parametrize("command", ["dueclock explain", "dueclock what-if"])
def test_the_readme_shows_what_comes_out(settings: Settings, run: Run, tmp_path: Path, command: str) -> None:
    typed, output = shown(command)
    assert ADDRESS in typed
    (tmp_path / "longer.toml").write_text(with_target(3))
    History().tell(BREACH).write(settings)
    ended = run(*shlex.split(typed.replace(ADDRESS, ""))[1:])
    assert ended.status == 0, ended
    assert plain(ended.out, settings.topic_prefix) == plain(output)
