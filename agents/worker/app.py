"""The Faust app of a worker, built from settings: one agent over slices of all input topics, one table."""

from collections.abc import Set

from faust.types import StreamT

from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from agents.worker.activating import Chosen
from agents.worker.faust_private import SliceApp, SliceTableManager
from agents.worker.ownership import Ownership
from agents.worker.slices import Slice
from agents.worker.tables import StateTable
from schemas.headers import Origin

SLICE_BYTES = 256 * 1024
SLICES_BUFFERED = 16
COMMIT_EVERY_S = 5.0


def build_app(settings: Settings, choice: Chosen, metrics: Metrics, *, skipped: Set[Origin] = frozenset()) -> SliceApp:
    """An app that keeps this worker's share of the partitions once it is started."""
    app = SliceApp(
        settings.group,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers],
        broker_client_id=settings.client_id,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_commit_interval=COMMIT_EVERY_S,
        consumer_group_instance_id=settings.group_instance_id or None,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=SLICE_BYTES,
        stream_buffer_maxsize=SLICES_BUFFERED,
        # A second copy of all state, a topic for a leader, a web server with the table's values: none is wanted.
        table_standby_replicas=0,
        topic_disable_leader=True,
        web_enabled=False,
        topic_allow_declare=False,
        autodiscover=False,
        TableManager=SliceTableManager,
    )
    app.fetch_max_wait_ms = settings.fetch_max_wait_ms
    ownership = Ownership(app, settings, choice, metrics, skipped)
    app.owner = ownership
    changelog = app.topic(settings.topic(CHANGELOG), key_type=bytes, value_type=bytes)
    ownership.states = StateTable(app, name="state", changelog_topic=changelog)
    app.tables.add(ownership.states)
    declare_keeper(app, ownership)
    return app


def declare_keeper(app: SliceApp, ownership: Ownership) -> None:
    """The keeper agent: each slice goes to the hand of its partition, where `agents.worker.keeper.Keeper` takes it."""

    @app.agent(app.slice_topic(*ownership.inputs), name="keeper")
    async def keeper(slices: StreamT[Slice]) -> None:
        async for piece in slices:
            try:
                ownership.give(piece)
            except Exception as error:
                await app.fail(error)
                raise
