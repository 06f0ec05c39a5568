"""`dueclock` of a fleet that breaks its promise, to see that the verdict says so; the packages have no hook for it.

`FLEET_INJECT=lost` (or `twice`): the first breach of a question of the load that this process would send is not sent,
or is sent two times. Everything else is as it is. The name is none of dueclock's: those are not handed on to workers.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from agents.kafka import transactions

LOST, TWICE = "lost", "twice"
HOW = os.environ["FLEET_INJECT"]


def inject() -> None:
    """Wrap the one function by which a slice goes out."""
    if HOW not in (LOST, TWICE):
        raise SystemExit(f"FLEET_INJECT is {HOW!r}, which is none of {LOST}, {TWICE}")
    original = transactions.Transactions.write
    done: list[bool] = []

    async def write(self: Any, outbox: transactions.Outbox) -> Any:
        for (topic, _), records in outbox.records.items():
            for number, record in enumerate(records):
                value = record[2] or b""
                is_ours = topic.endswith("sla-breach") and b'"clock.breached"' in value and b"/T-ASKED" in value
                if is_ours and not done:
                    done.append(True)
                    records[number : number + 1] = [] if HOW == LOST else [record, record]
                    break
        for place in [place for place, records in outbox.records.items() if not records]:
            del outbox.records[place]
        return await original(self, outbox)

    setattr(transactions.Transactions, "write", write)  # noqa: B010 - a method is replaced: this is what it is for


if __name__ == "__main__":
    inject()
    from agents.cli.main import main

    main(sys.argv[1:])
