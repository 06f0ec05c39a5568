"""The machine's time-zone data: what zones mean where no activation has said it (contract §5, Zones).

They are those of the pinned `tzdata` package, or compiled zone files in a folder that a setting names; never the
system's own, so that neither TZ nor an update of the system changes a due. Only what puts policies in force asks here:
whoever judges a journal takes what its activations say, and to whom any name of a zone is right (`ANY_NAME`).
"""

import struct
from collections.abc import Collection, Iterator
from functools import partial
from importlib import resources
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.errors import UserError
from schemas.notifications import Zones
from schemas.policy_types import Policies
from streams.zones import cut_zones


class _AnyName(Collection[str]):
    """Holds every name: what the zones mean is said elsewhere, and there it is seen which are lacking."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


ANY_NAME = _AnyName()


class _Whole(BytesIO):
    """A file that says when it ends too early: zoneinfo would look for the end of its last line for ever."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if len(found) < (size or 0):
            raise ValueError("cut short")
        return found


def zone_names(folder: str) -> Collection[str] | None:
    """The names that policies may give their zones here; None: those of the package (`schemas.policies`)."""
    return ANY_NAME if folder else None


def machine_zones(policies: Policies, folder: str = "") -> Zones:
    """What the zones of these policies mean here. UserError (status 2) where the folder lacks one."""
    return cut_zones(policies, partial(_from_folder, Path(folder)) if folder else _from_package)


def _from_package(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _from_folder(folder: Path, name: str) -> ZoneInfo:
    path = folder.joinpath(*name.split("/"))
    try:
        return ZoneInfo.from_file(_Whole(path.read_bytes()), key=name)
    except (OSError, ValueError, AssertionError, struct.error):  # what zoneinfo raises for a file that is none
        raise UserError(
            f"There is no compiled zone file {path}; set zoneinfo_dir to a folder that has one, or to nothing.", 2
        ) from None
