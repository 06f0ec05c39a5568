"""`dueclock` with a bug of ours: the keeper raises before its third transaction. `python -m tests.hostile.broken`."""

from __future__ import annotations

from agents.cli.main import main
from agents.kafka.transactions import Outbox
from agents.worker.sizes import Sizes

_seen = 0


async def _fails(self: Sizes, outbox: Outbox) -> None:
    global _seen  # noqa: PLW0603  one bug in one process
    _seen += 1
    if _seen > 2:
        raise KeyError("line")


if __name__ == "__main__":
    Sizes.require = _fails  # type: ignore[method-assign]  # that is the bug
    main()
