"""A broker that has just started does not know its groups at once: it is asked again."""

from __future__ import annotations

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)

from agents.kafka.group import members_of
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(
    "not_yet", [GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError]
)
async def test_a_group_that_is_on_its_way_is_asked_for_again(
    kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch, not_yet: type[KafkaError]
) -> None:
    asked = AIOKafkaAdminClient.describe_consumer_groups
    answers: list[type[KafkaError]] = [not_yet, not_yet]

    async def busy(self: AIOKafkaAdminClient, groups: list[str]) -> object:
        if answers:
            raise answers.pop()
        return await asked(self, groups)

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_consumer_groups", busy)
    assert await members_of(Settings(broker=kafka.bootstrap), "nobody-reads-in-this-group") == []
    assert answers == []
