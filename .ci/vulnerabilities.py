"""Asks whether anything of deploy/requirements.lock is known to be vulnerable: `python .ci/vulnerabilities.py`.

pip-audit asks the package index's database, and OSV where that does not answer; one distribution is asked for first.
Exit status 0: all was looked up and nothing is known; 1: something is; 2: no database knows all of it, which proves
nothing, and is said so.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "deploy" / "requirements.lock"
DATABASES = ("pypi", "osv")


class NoAnswerError(Exception):
    """Why a database says nothing."""


def asked(database: str, lock: str) -> list[dict[str, Any]]:
    """What a database knows of each distribution of a lock. NoAnswerError where it does not know all."""
    with tempfile.NamedTemporaryFile("w", suffix=".lock", encoding="utf-8") as file:
        file.write(lock)
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", database, "--timeout", "10"]
        command += ["--requirement", file.name, "--require-hashes", "--disable-pip"]
        command += ["--format", "json", "--progress-spinner", "off"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except ValueError:
        lines = ran.stderr.strip().splitlines() or ["it said nothing"]
        raise NoAnswerError(lines[-1].partition(" (Caused by")[0][:160]) from None
    if unknown := [one["name"] for one in found if "skip_reason" in one]:
        raise NoAnswerError(f"it does not know {', '.join(unknown[:3])}")
    return found


def main() -> None:
    """Ask until one database knows all."""
    whole = LOCK.read_text(encoding="utf-8")
    first = next(entry for entry in whole.replace("\\\n", " ").splitlines() if "==" in entry)
    refusals = []
    for database in DATABASES:
        try:
            asked(database, first + "\n")
            found = asked(database, whole)
        except NoAnswerError as refusal:
            refusals.append(f"{database}: {refusal}")
            continue
        known = [one for one in found if one["vulns"]]
        for one in known:
            print(f"{one['name']} {one['version']}: {', '.join(vulnerability['id'] for vulnerability in one['vulns'])}")
        print(f"{len(known)} of {len(found)} distributions are known to be vulnerable ({database}).")
        sys.exit(1 if known else 0)
    print(
        f"make: no database of vulnerabilities answered for all of deploy/requirements.lock, so nothing is known of it "
        f"({'; '.join(refusals)}); run this where one can be reached.",
        file=sys.stderr,
    )
    sys.exit(2)


if __name__ == "__main__":
    main()
