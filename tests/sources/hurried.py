"""`dueclock` whose ways in lose patience sooner: the command as it is, with three of its waits cut.

`python -m tests.sources.hurried ARGUMENTS`. What comes of a wait that has ended is the same after five seconds as it is
after fifteen; the packages themselves know nothing of this.
"""

from __future__ import annotations

import sys

SHORT_S = 5


def hurry() -> None:
    """A name that is gone fails: nothing would be quicker."""
    from agents.sources import gateway, sqs_source

    for module, name in ((gateway, "ACKNOWLEDGED_WITHIN_S"), (gateway, "BODY_WITHIN_S"), (sqs_source, "WAIT_S")):
        assert getattr(module, name) > SHORT_S
        setattr(module, name, SHORT_S)


if __name__ == "__main__":
    from agents.cli.main import main

    hurry()
    main(sys.argv[1:])
