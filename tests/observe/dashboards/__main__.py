"""Writes the dashboards: `python -m tests.observe.dashboards`. A test holds the files to what this would write."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tests.observe.dashboards import duties, health, runbook, worker
from tests.observe.programs import GRAFANA

FOLDER = GRAFANA / "dashboards"


def texts() -> dict[Path, str]:
    """Each file and what belongs in it."""
    built = {"duties": duties.build(), "worker": worker.build(), "health": health.build(), "runbook": runbook.build()}
    return {
        FOLDER / f"{name}.json": json.dumps(board, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
        for name, board in built.items()
    }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
