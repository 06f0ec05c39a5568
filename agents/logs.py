"""Logs of a worker: one line for each event of its life, none for each notification.

Faust, mode and aiokafka speak only from WARNING on, and what they repeat is cut short: with the broker away aiokafka
writes thousands of lines a second. On no level does a line hold what a record holds. What a worker ends with is one
sentence, and it stands last: `be_silent` keeps back what the libraries, and the interpreter that takes them down, have
to say behind it.
"""

import gc
import logging
import sys
import time

from schemas.codec import canonical_json, format_instant

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


class AsJson(logging.Formatter):
    """One JSON object a line, keys in order; `at` is UTC, a traceback is one text."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        entry = {
            "at": format_instant(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return canonical_json(entry).decode()


class _Nothing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.name.split(".", 1)[0] == OURS


def be_silent() -> None:
    """From here on only our own lines: tasks that nobody awaits, loops that are closed, are no news when all ends.

    At level debug everything is said.
    """
    if logging.root.level <= logging.DEBUG:
        return
    for handler in logging.root.handlers:
        handler.addFilter(_Nothing())
    sys.unraisablehook = lambda _: None
    gc.collect()  # what complains when it is taken down does so now, not behind the last sentence


def _as_text() -> logging.Formatter:
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


def set_up_logging(level: str, log_format: str = "text") -> None:
    """Log to standard error, UTC, from this level on; `log_format` is `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AsJson() if log_format == "json" else _as_text())
    if level != "debug":
        handler.addFilter(_Theirs(Rarely()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)  # the commands silence it
    logging.getLogger("aiokafka.conn").setLevel(logging.INFO)  # its debug lines are whole requests, letters included
