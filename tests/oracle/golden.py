"""The golden cases against the oracle.

`python -m tests.oracle.golden [FOLDER]` prints what differs; exit status 1 if anything does.
"""

import json
import os
import sys
from pathlib import Path

from .reference import run

HERE = Path(__file__).resolve()


def folder() -> Path | None:
    named = os.environ.get("GOLDEN_CASES")
    candidates = [Path(named)] if named else [HERE.parents[1] / "golden", HERE.parents[1] / "golden" / "cases"]
    return next((path for path in candidates if (path / "policies.toml").is_file()), None)


def cases(of: Path) -> list[Path]:
    return sorted(path.parent for path in of.glob("*/notifications.jsonl"))


def differences(case: Path) -> list[str]:
    """What the oracle says otherwise than the case; empty when they agree byte for byte."""
    own = case / "policies.toml"
    toml = (own if own.is_file() else case.parent / "policies.toml").read_text(encoding="utf-8")
    events, dead_letters = run((case / "notifications.jsonl").read_bytes().split(b"\n"), toml)
    found = _compare(lines_of(case / "expected.jsonl"), events)
    said = [{"line": letter["line"], "reason": letter["reason"]} for letter in dead_letters]
    expected = [json.loads(line) for line in lines_of(case / "dead_letters.jsonl")]
    if said != expected:
        found.append(f"dead letters: expected {expected}, got {said}")
    return found


def lines_of(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().split(b"\n") if line] if path.is_file() else []


def _compare(expected: list[bytes], got: list[bytes]) -> list[str]:
    if expected == got:
        return []
    for number in range(max(len(expected), len(got))):
        sides = [side[number].decode() if number < len(side) else "(nothing)" for side in (expected, got)]
        if sides[0] != sides[1]:
            return [f"event {number + 1}:\n  expected {sides[0]}\n  got      {sides[1]}"]
    return []


def main(arguments: list[str]) -> int:
    where = Path(arguments[0]) if arguments else folder()
    if where is None:
        sys.stderr.write("No golden cases in tests/golden: name their folder.\n")
        return 2
    failed = 0
    for case in cases(where):
        found = differences(case)
        failed += bool(found)
        sys.stdout.write(f"{'differs' if found else 'agrees '} {case.name}\n" + "".join(f"  {x}\n" for x in found))
    sys.stdout.write(f"{len(cases(where)) - failed} of {len(cases(where))} cases agree\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
