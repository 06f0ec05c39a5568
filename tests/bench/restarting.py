"""A worker that starts among very many settled matters, on a real broker: how long, how large, and who waits for it.

`python -m tests.bench.restarting COUNT [memory] [disk]`: one partition with so many settled threads in its changelog; a
worker starts, and is ended when it works. With rows on disk it starts twice: the first makes the store. Meanwhile its
endpoint is asked, ten times a second: how long the longest answer took says for how long no thread of the process had
a turn. docs/how-to/keep-rows-on-disk.md has the figures.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agents.demo.process import free_port
from deploy.embedded import EmbeddedKafka
from schemas.decoding import journal_value
from schemas.registry import INPUT_TOPIC_OF
from tests.bench.at_rest import settled_partition
from tests.bench.installation import Installation, NotMeasuredError, Process, Reader
from tests.bench.seeding import MARKETPLACE, question, sellers_on
from tests.bench.workload import Sent

WITHIN_S: Final = 1_500.0
EVERY_S: Final = 0.1
MB: Final = 1e6


class Asking:
    """A thread that asks a worker's endpoint, and looks how large it is."""

    def __init__(self, worker: Process, port: int) -> None:
        self._worker, self._port = worker, port
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.longest_s = 0.0
        self.peak_bytes = 0
        self.answers = 0
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._enough.wait(EVERY_S):
            self.peak_bytes = max(self.peak_bytes, self._worker.resident_bytes())
            began_s = time.monotonic()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=60) as answer:
                    answer.read()
            except OSError:
                if not self.answers:
                    continue  # it does not listen yet
            self.answers += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began_s)


def restarted(installation: Installation, reader: Reader, tag: str) -> dict[str, float]:
    """From the start of the process until its first line is visible."""
    (seller,) = sellers_on(0, 1, 1)
    now_ms = int(time.time() * 1000)
    asked = journal_value(question(seller, tag, now_ms))
    installation.send([Sent(now_ms, INPUT_TOPIC_OF["message.received"], f"{seller}/{MARKETPLACE}".encode(), asked)])
    before, port = reader.lines, free_port()
    flags = ["--stop-with-stdin", "--metrics-port", str(port)]
    worker = Process(
        ["agents", "--settings", str(installation.settings_file), "worker", *flags], installation.folder / f"{tag}.log"
    )
    asking = Asking(worker, port)
    try:
        (first,) = reader.wait_for_lines(before + 1, within_s=WITHIN_S)[-1:]
        took = re.findall(r"recovered: partitions 0 \(\d+ rows in ([\d.]+) s\)", worker.log())
        if len(took) != 1:
            raise NotMeasuredError(f"it took its partition over {len(took)} times: {worker.log()[-500:]}")
        return {
            "start_s": first.at_s - worker.started_s,
            "recovery_s": float(took[0]),
            "cpu_s": worker.cpu_s(),
            "longest_answer_s": asking.longest_s,
            "answers": asking.answers,
            "rss_mb": worker.resident_bytes() / MB,
            "peak_mb": asking.peak_bytes / MB,
        }
    finally:
        asking.stop()
        worker.stop()


def main(words: Sequence[str]) -> None:
    """Print a line for each start."""
    count, ways = int(words[0]), words[1:] or ("memory", "disk")
    with tempfile.TemporaryDirectory(prefix="dueclock-bench-") as folder, EmbeddedKafka() as kafka:
        for way in ways:
            rows = str(Path(folder) / "rows") if way == "disk" else ""
            with Installation(kafka.bootstrap, Path(folder), partitions=1, rows_folder=rows) as installation:
                installation.seed([settled_partition(count, int(time.time() * 1000))])
                reader = installation.reader("sla-journal")
                reader.wait_for_lines(1, within_s=60)  # that of the rows
                for number in range(2 if way == "disk" else 1):
                    found = restarted(installation, reader, f"{way}-{number}")
                    print(way, " ".join(f"{name}={value:.2f}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
