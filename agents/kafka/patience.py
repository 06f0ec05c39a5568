"""Patience with a broker that is away, for every client of aiokafka that lives longer than a question.

Touches private parts of aiokafka 0.14.0 (`AIOKafkaClient._metadata_update`, `coordinator_lookup`), apart from
agents/worker/faust_private.py, since commands need it without Faust. tests/agents/test_faust_private.py fails first
when they change.
"""

import asyncio
from typing import Any

from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

RECONNECT_S = 0.2


def be_patient(client: Any) -> None:
    """Let a client of aiokafka wait for a broker that is away.

    By itself it looks again at once for as long as there is something to send or fetch: that costs most of a core, and
    meets a broker that comes back with a storm. And a producer dies for good if its connection breaks while it asks who
    coordinates it, where it asks again if there is no connection in the first place.
    """
    look, ask = client._metadata_update, client.coordinator_lookup  # noqa: SLF001 - it has no public name

    async def look_or_rest(cluster: Any, topics: Any) -> bool:
        is_found: bool = await look(cluster, topics)
        if not is_found:
            await asyncio.sleep(RECONNECT_S)
        return is_found

    async def ask_again(coordinator_type: Any, coordinator_key: Any) -> Any:
        try:
            return await ask(coordinator_type, coordinator_key)
        except KafkaConnectionError as error:
            raise NodeNotReadyError(str(error)) from error

    client._metadata_update, client.coordinator_lookup = look_or_rest, ask_again  # noqa: SLF001 - as above
