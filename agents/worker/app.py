"""The Faust app of a worker, built from settings: one agent over slices of all input topics, one table."""

from collections.abc import Collection, Mapping, Set
from typing import cast

from faust.types import TP, StreamT

from agents.kafka.clients import dress
from agents.kafka.skipped import NOTHING_SKIPPED, Skipped
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from agents.worker.activating import Chosen
from agents.worker.belonging import Belonging
from agents.worker.broker import KafkaBroker
from agents.worker.faust_private import SliceApp, SliceConsumer, SliceTableManager
from agents.worker.ownership import Ownership
from agents.worker.slices import Answer, Slice
from agents.worker.tables import OpenClocks, StateTable, Tables

SLICE_BYTES = 1024 * 1024
SLICES_BUFFERED = 16
COMMIT_EVERY_S = 5.0


def build_app(
    settings: Settings,
    choice: Chosen,
    metrics: Metrics,
    *,
    skipped: Skipped = NOTHING_SKIPPED,
    anew: Set[str] = frozenset(),
) -> SliceApp:
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
        # Who is to have copies is chosen by Faust's assignor, where any are wanted; they are kept by us (standby.py).
        table_standby_replicas=settings.standby_replicas,
        # A topic for a leader, a web server with the table's values: none is wanted.
        topic_disable_leader=True,
        web_enabled=False,
        topic_allow_declare=False,
        autodiscover=False,
        TableManager=SliceTableManager,
    )
    app.fetch_max_wait_ms = settings.fetch_max_wait_ms
    app.dress = lambda client: dress(client, settings)
    changelog = app.topic(settings.topic(CHANGELOG), key_type=bytes, value_type=bytes)
    tables = Tables(StateTable(app, name="state", changelog_topic=changelog), OpenClocks(app))
    app.tables.add(tables.states)
    belonging = Belonging(settings, anew)
    broker = KafkaBroker(settings, belonging)
    ownership = Ownership(FaustGroup(app), broker, tables, settings, choice, metrics, skipped, belonging)
    app.owner = ownership
    declare_keeper(app, ownership)
    return app


class FaustGroup:
    """The `Group` of agents/worker/group.py, as the app and its consumer are one. The consumer comes with the start."""

    def __init__(self, app: SliceApp) -> None:
        self._app = app

    @property
    def _consumer(self) -> SliceConsumer:
        return cast(SliceConsumer, self._app.consumer)

    @property
    def is_rebalancing(self) -> bool:
        """As in `Group`, and so are the others."""
        return self._app.rebalancing

    @property
    def standbys(self) -> Collection[TP]:
        """Copies of what are to be kept."""
        return self._app.assignor.assigned_standbys()

    @property
    def last_heartbeat_s(self) -> float:
        """When the group last counted us in."""
        return self._consumer.last_heartbeat_s

    @property
    def last_answer_s(self) -> float | None:
        """When the broker was last heard of."""
        return self._consumer.last_answer_s

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has."""
        return self._consumer.partitions_of(topic)

    def answer(self, tp: TP) -> Answer | None:
        """The newest fetch answer."""
        return self._consumer.answer(tp)

    async def seek_all(self, positions: Mapping[TP, int]) -> int:
        """Fetch these from there."""
        return await self._consumer.seek_all(positions)

    async def fail(self, error: BaseException) -> None:
        """End the worker."""
        await self._app.fail(error)


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
