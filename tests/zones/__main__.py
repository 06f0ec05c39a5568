"""`python -m tests.zones`: fetch the releases of time-zone data that the tests compare, and keep the zones they need.

Each release of the package `tzdata` is downloaded by its name with pip, as it is configured here, and its compiled
files are copied as they are into a folder named after the release. SHA256SUMS says what they were; a test that needs no
network holds the files against it, and against the release that is installed where that is one of these.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.zones import DATA, KEPT, RELEASES

SUMS = "SHA256SUMS"


def fetch(release: str, folder: Path) -> Path:
    """The wheel of a release, downloaded into a folder."""
    wanted = f"tzdata=={release}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--only-binary", ":all:", "--dest", str(folder), wanted], check=True)
    (wheel,) = folder.glob("tzdata-*.whl")
    return wheel


def keep(wheel: Path, folder: Path) -> None:
    """Copy the zones that tests need."""
    with zipfile.ZipFile(wheel) as archive:
        for name in KEPT:
            target = folder.joinpath(*name.split("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(f"tzdata/zoneinfo/{name}"))


def sums() -> str:
    """What the files are, as `sha256sum` says it."""
    files = [DATA / release / name for release in RELEASES for name in KEPT]
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(DATA).as_posix()}\n" for file in files
    )


def main() -> None:
    """Fetch and keep all releases."""
    for release in RELEASES:
        with tempfile.TemporaryDirectory() as folder:
            keep(fetch(release, Path(folder)), DATA / release)
        print(f"tests/zones/{release}: {', '.join(KEPT)}")
    (DATA / SUMS).write_text(sums())


if __name__ == "__main__":
    main()
