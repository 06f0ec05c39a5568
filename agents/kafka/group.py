"""The consumer group of the workers, as the broker knows it."""

import asyncio
from time import monotonic

from aiokafka.errors import GroupCoordinatorNotAvailableError

from agents.kafka.clients import admin_client
from agents.settings import Settings

COORDINATOR_WITHIN_S = 15.0
RETRY_S = 0.2


async def members_of(settings: Settings) -> list[str]:
    """The client ids of the group's members, sorted; one that was killed is a member until its session ends."""
    deadline_s = monotonic() + COORDINATOR_WITHIN_S
    async with admin_client(settings) as admin:
        while True:
            try:
                (answer,) = await admin.describe_consumer_groups([settings.group])
            except GroupCoordinatorNotAvailableError:  # a new cluster is still making the topic of its groups
                if monotonic() > deadline_s:
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                return sorted(member[1] for group in answer.groups for member in group[5])
