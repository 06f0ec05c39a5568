"""The command as a later version would be: it keeps a logic more, which happens to judge as the one before it.

`python -m tests.upgrades.newer …`; the packages have no hook for it, so the table is extended before they read it, in
the processes that a command starts to fold side by side too.
"""

from __future__ import annotations

from typing import Final

from streams import logic

LATER: Final = logic.NEWEST + 1

if __name__ in ("__main__", "__mp_main__"):
    logic.CHANGES[LATER] = "Nothing: a number of the tests."
    vars(logic).update(NEWEST=LATER)

if __name__ == "__main__":
    from agents.cli.main import main

    main()
