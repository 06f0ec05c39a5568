"""`dueclock worker`: one process that keeps its share of the partitions until it is stopped.

Exit status: 0 after SIGTERM or SIGINT; that of the UserError where a person can mend what is wrong; 1 after a crash.
However it fails, its last line is one sentence (agents/worker/last_words.py).
"""

import asyncio
import logging
from collections.abc import Set
from functools import partial
from importlib.metadata import version
from typing import cast

from agents.build import build_name
from agents.kafka.acls import lacks, missing_rights
from agents.kafka.refusals import is_refusal, refused
from agents.kafka.skipped import NOTHING_SKIPPED, Skipped
from agents.kafka.topics import require_topics
from agents.logs import be_silent, set_up_logging
from agents.memory import look_for_cycles_when_asked
from agents.metrics.counters import Metrics
from agents.metrics.endpoint import MetricsServer
from agents.settings import Settings
from agents.worker.activating import Chosen
from agents.worker.app import build_app
from agents.worker.belonging import require_together
from agents.worker.clocks_page import ClocksPage
from agents.worker.faust_private import SliceWorker, quiet, stop_worker
from agents.worker.last_words import last_words
from agents.worker.ownership import Ownership
from agents.worker.rows_folder import require_store
from agents.zones import machine_zones
from schemas.policy_types import Policies
from streams.logic import NEWEST

log = logging.getLogger("dueclock.worker")


def run_worker(
    settings: Settings,
    policies: Policies,
    skipped: Skipped = NOTHING_SKIPPED,
    *,
    anew: Set[str] = frozenset(),
    is_again: bool = False,
) -> int:
    """Run until stopped; returns the exit status. UserError for what a person can mend.

    `anew`: input topics that were made anew and are to be read from their start. `is_again`: what a partition has left
    may be activated again.
    """
    set_up_logging(settings.log_level, settings.log_format)
    if settings.rows_folder:
        require_store()
    zones = machine_zones(policies, settings.zoneinfo_dir)
    choice = Chosen(policies, zones, settings.logic or NEWEST, is_again=is_again)
    if settings.security_protocol != "PLAINTEXT" and (missing := missing_rights(settings, "worker")):
        raise lacks(settings, "worker", missing)
    for sentence in require_topics(settings):
        log.warning("%s", sentence)
    require_together(settings, anew)
    metrics = Metrics()
    server = _serve(metrics, settings) if settings.metrics_port else None
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    metrics.freshness.follow(loop)
    app = build_app(settings, choice, metrics, skipped=skipped, anew=anew)
    look_for_cycles_when_asked()
    worker = SliceWorker(
        app, loglevel=settings.log_level, redirect_stdouts=False, override_logging=False, quiet=True, loop=loop
    )
    quiet(worker)

    app.on_failure = partial(stop_worker, worker)
    metrics.clocks_page = ClocksPage(cast(Ownership, app.owner).rows_at_rest, loop).answer
    what = f"dueclock {version('dueclock')}, {build_name()}"
    log.info("worker %s starts on %s (%s)", settings.group, settings.broker, what)
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        if server is not None:
            server.close()
        be_silent()
    failure = app.failure or app.crash_reason or worker.crash_reason
    if is_refusal(failure):
        raise refused(settings, failure)
    if failure is not None:
        raise last_words(settings, failure)
    log.info("worker %s ended", settings.group)
    return status


def _serve(metrics: Metrics, settings: Settings) -> MetricsServer:
    server = MetricsServer(metrics, settings)
    if server.door.is_shut:
        log.warning(
            "/metrics is shown to nobody: metrics_host %s can be reached from other machines, and there is no token; "
            "put one into a file and name it by the setting http_token_file",
            settings.metrics_host,
        )
    return server
