"""Machines with other time-zone data: commands run as processes that find another `tzdata` package than this one's.

On a machine of `NOBODYS` whoever looks at the package is told off by a traceback: so a command that ends well has not.
None of them has zone files of the system.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from tests.cli.command import ROOT
from tests.zones import DATA, KEPT, NEWER, OLDER

NOBODYS: Final = "nobodys"
MACHINES: Final = (OLDER, NEWER, NOBODYS)


def machine(folder: Path, data: str) -> dict[str, str]:
    """The variables of a process on a machine with this release of the data."""
    place = folder / f"machine-{data}"
    package = place / "tzdata"
    if not package.exists():
        package.mkdir(parents=True)
        if data == NOBODYS:
            (package / "__init__.py").write_text('raise RuntimeError("this command looks at the machine")\n')
        else:
            (package / "__init__.py").write_text("")
            (package / "zones").write_text("".join(f"{name}\n" for name in KEPT))
            shutil.copytree(DATA / data, package / "zoneinfo")
    return {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)]), "PYTHONTZPATH": ""}
