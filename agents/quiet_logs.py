"""Logs of a worker: one line for each event of its life, none for each notification.

Faust, mode and aiokafka speak only from WARNING on, and what they repeat is cut short: with the broker away aiokafka
writes thousands of lines a second.
"""

import logging
import sys
import time

OURS = "dueclock"
SAME_LINE_EVERY_S = 10.0


class Rarely(logging.Filter):
    """Lets one kind of line (logger and text before its figures are put in) pass every ten seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is let through."""
        kind = (record.name, str(record.msg)[:60])
        now = time.monotonic()
        if now < self._next.get(kind, 0.0):
            return False
        self._next[kind] = now + SAME_LINE_EVERY_S
        return True


class _Theirs(logging.Filter):
    def __init__(self, rarely: Rarely) -> None:
        super().__init__()
        self._rarely = rarely

    def filter(self, record: logging.LogRecord) -> bool:
        # Faust's services of ours log under the names of their modules: theirs too.
        if record.name.split(".", 1)[0] == OURS:
            return True
        return record.levelno >= logging.WARNING and self._rarely.filter(record)


def set_up_logging(level: str) -> None:
    """Log to standard error, UTC, from this level on."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    if level != "debug":
        handler.addFilter(_Theirs(Rarely()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)  # the commands silence it
