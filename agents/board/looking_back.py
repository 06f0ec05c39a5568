"""`python -m agents.board.looking_back`: one story or evidence pack, read from the journal, for the board that asks.

A process of its own: a long journal is folded for minutes and takes memory, and neither may be felt on the board's
pages. What is asked comes on standard input (settings hold secrets, and an argument is for all to see); how far it has
come, and at the end the answer, goes to standard output, a JSON object a line. When the board ends, so does this.
"""

import base64
import io
import os
import sys
import threading
import zipfile
from typing import Any

import msgspec
import orjson

from agents.auditing.evidence import RecordingCheck, pack_of
from agents.auditing.following import Following
from agents.auditing.looking_back import follow_live
from agents.auditing.sent_events import look_up
from agents.auditing.sightings import Sighting, Wanted
from agents.auditing.story import story_of
from agents.board.stories import Question
from agents.errors import UserError
from agents.journal.lines import JournalCheck
from agents.kafka.clients import run_with_broker
from agents.memory import look_for_cycles_rarely
from agents.settings import Settings
from schemas.notifications import StateSealed
from streams.explaining import ClockName, clock_name

TOLD_EVERY_LINES = 2_000


def main() -> int:
    """Answer one question; the exit status is 0 unless this is broken."""
    asked = msgspec.json.decode(sys.stdin.buffer.readline(), type=Question)
    threading.Thread(target=_end_with_the_board, daemon=True).start()
    look_for_cycles_rarely()
    try:
        _say(_answer(Settings(**asked.settings), asked))
    except UserError as error:
        _say({"error": error.sentence})
    return 0


def _end_with_the_board() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(0)


def _say(what: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(what, default=msgspec.to_builtins) + b"\n")
    sys.stdout.buffer.flush()


def _answer(settings: Settings, asked: Question) -> dict[str, Any]:
    name, checks = clock_name(asked.clock_id), list[RecordingCheck]()
    following, sent = run_with_broker(settings, lambda: _followed(settings, name, asked, checks))
    if following.clock is None:
        return {"unknown": True}
    story = story_of(following, sent, partition=following.state.partition)
    if not asked.is_evidence:
        return {"story": story}
    return {"pack": base64.b64encode(_zipped(pack_of(following, story, sent, checks[0]))).decode()}


async def _followed(
    settings: Settings, name: ClockName, asked: Question, checks: list[RecordingCheck]
) -> tuple[Following, dict[str, Sighting]]:
    told = 0

    def progress(_: int, lines: int) -> None:
        nonlocal told
        if lines >= told + TOLD_EVERY_LINES:
            told = lines
            _say({"lines": lines})

    def make_check(partition: int, partitions: int, start: StateSealed | None) -> JournalCheck:
        if not asked.is_evidence:
            return JournalCheck(partition, partitions, name.account, start)
        checks.append(RecordingCheck(partition, partitions, name, start))
        return checks[-1]

    following = await follow_live(settings, name, asked.clock_id, asked.at_ms, progress, make_check)
    wanted = [Wanted(one.event, one.at.line.number, one.digest, one.logic) for one in following.events]
    return following, await look_up(settings, following.state.partition, wanted)


def _zipped(files: dict[str, bytes]) -> bytes:
    """The pack as one file: the same files give the same bytes, since no time of day enters."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
