"""`dueclock acls`: what is printed for whom, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agents.errors import UserError
from agents.kafka.rights import ROLES, rights_of
from agents.kafka.rights_text import FORMATS, rights_text
from agents.settings import Settings
from tests.cli.command import dueclock, sentence_of


def test_a_producer_of_one_topic_gets_one_command_in_each_format(tmp_path: Path) -> None:
    printed = {}
    for form in FORMATS:
        ended = dueclock(
            *(
                "acls",
                "--role",
                "producer",
                "--topic",
                "buyer-message",
                "--principal",
                "User:mail room",
                "--format",
                form,
            ),
            folder=tmp_path,
        )
        assert ended.status == 0, ended.err
        printed[form] = ended.out
    assert printed["kafka-acls"] == (
        "kafka-acls --bootstrap-server localhost:9092 --add --allow-principal 'User:mail room' --operation Write "
        "--topic buyer-message\n"
    )
    assert printed["rpk"] == (
        "rpk security acl create --brokers localhost:9092 --allow-principal 'User:mail room' --operation write "
        "--topic buyer-message\n"
    )
    assert printed["confluent"] == (
        "confluent kafka acl create --allow --service-account 'mail room' --operations write --topic buyer-message\n"
    )
    user = yaml.safe_load(printed["strimzi"])
    assert user["spec"]["authorization"]["acls"] == [
        {
            "resource": {"type": "topic", "name": "buyer-message", "patternType": "literal"},
            "operations": ["Write"],
        }
    ]


def test_no_role_but_the_administrator_makes_topics() -> None:
    settings = Settings(topic_prefix="shop.")
    for role in ROLES:
        rights = rights_of(role, settings, "buyer-message" if role == "producer" else None)
        assert any(right.operation == "Create" for right in rights) == (role == "administrator"), role
        assert len(set(rights)) == len(rights)
        assert all(right.name.startswith("shop.") for right in rights if right.resource == "topic")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    ended = dueclock("acls", "--role", "producer", "--principal", "User:x", folder=tmp_path)
    assert sentence_of(ended).startswith("The role producer needs --topic, one of ")
    with pytest.raises(UserError, match="is User:NAME"):
        rights_text([], "nobody", Settings(), "rpk")
    with pytest.raises(UserError, match="--topic goes with"):
        rights_of("worker", Settings(), "buyer-message")
