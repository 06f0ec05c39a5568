"""The two releases of time-zone data beside the tests are what they were when they were fetched, and do differ."""

from __future__ import annotations

from importlib import metadata, resources
from pathlib import Path

import pytest

from agents.zones import machine_zones
from schemas.policies import load_policies
from tests.audit.history import POLICIES
from tests.zones import DATA, KEPT, NEWER, OLDER, RELEASES
from tests.zones.__main__ import SUMS, sums

IN_VANCOUVER = POLICIES.replace("America/Los_Angeles", "America/Vancouver")


def test_the_files_are_those_that_were_fetched_and_no_others() -> None:
    assert (DATA / SUMS).read_text() == sums()
    here = {
        path.relative_to(DATA).as_posix()
        for release in RELEASES
        for path in (DATA / release).rglob("*")
        if path.is_file()
    }
    assert here == {f"{release}/{name}" for release in RELEASES for name in KEPT}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.skipif(metadata.version("tzdata") not in RELEASES, reason="another release of tzdata is installed")
def test_the_installed_release_has_the_same_bytes(name: str) -> None:
    installed = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    assert (DATA / metadata.version("tzdata") / Path(name)).read_bytes() == installed


def test_the_two_releases_say_the_same_of_tokyo_and_los_angeles_and_not_of_vancouver() -> None:
    golden, vancouver = load_policies(POLICIES), load_policies(IN_VANCOUVER)
    assert machine_zones(golden, str(DATA / OLDER)) == machine_zones(golden, str(DATA / NEWER))
    older, newer = (machine_zones(vancouver, str(DATA / release)) for release in RELEASES)
    assert {name for name in older if older[name] != newer[name]} == {"America/Vancouver"}
