"""`dueclock acls`: what is printed for whom, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agents.errors import UserError
from agents.kafka.rights import COMMANDS, ROLES, rights_of
from agents.kafka.rights_text import FORMATS, rights_text
from agents.settings import Settings
from agents.topic_roles import SNAPSHOTS
from tests.cli.command import ROOT, dueclock, sentence_of
from tests.docs.command_pages import commands


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


def test_each_command_that_goes_to_a_broker_says_whose_rights_it_needs() -> None:
    """`acls` asks nobody; `doctor` and the demonstration go as each of them."""
    with_broker = {
        typed.removeprefix("dueclock ")
        for typed, command in commands()
        if any(option.name == "broker" for option in command.params)
    }
    assert with_broker - {"acls", "doctor", "demo"} == COMMANDS.keys()
    assert {role for roles in COMMANDS.values() for role in roles} == set(ROLES)


def test_the_page_of_roles_has_each_command_in_the_row_of_its_role() -> None:
    page = (ROOT / "docs/how-to/connect-to-a-secured-kafka.md").read_text()
    rows = {
        line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `") and line.split("`")[1] in ROLES
    }
    assert rows.keys() == set(ROLES)
    for command, roles in COMMANDS.items():
        for role in roles:
            assert f"`{command}`" in rows[role] or f"`{command.split()[0]}`" in rows[role], (command, role)


@pytest.mark.parametrize("role", ["grow-from", "grow-to"])
def test_what_growing_needs_is_printed_in_each_format(tmp_path: Path, role: str) -> None:
    for form in FORMATS:
        words = ("acls", "--role", role, "--topic-prefix", "g2-", "--principal", "User:g", "--format", form)
        ended = dueclock(*words, folder=tmp_path)
        assert ended.status == 0, ended.err
        assert ended.out.count("g2-sla-journal") >= 2, "the journal, and the transactional ids that begin so"


def test_no_role_but_the_administrator_makes_topics() -> None:
    settings = Settings(topic_prefix="shop.")
    for role in ROLES:
        rights = rights_of(role, settings, "buyer-message" if role == "producer" else None)
        assert any(right.operation == "Create" for right in rights) == (role == "administrator"), role
        assert len(set(rights)) == len(rights)
        assert all(right.name.startswith("shop.") for right in rights if right.resource == "topic")


def test_rights_to_the_topic_of_snapshots_are_asked_for_where_they_are_kept_there() -> None:
    def asked(place: str) -> dict[str, list[str]]:
        settings = Settings(snapshots=place)
        return {
            role: [right.operation for right in rights_of(role, settings) if right.name == settings.topic(SNAPSHOTS)]
            for role in ROLES
            if role != "producer"
        }

    assert not any(asked("a-folder").values())
    assert asked("topic") == {
        "worker": ["Read", "Write", "DescribeConfigs"],
        "subscriber": [],
        "auditor": ["Read", "DescribeConfigs"],
        "operator": ["Read", "DescribeConfigs"],
        "administrator": ["Create", "Describe", "AlterConfigs"],
        "grow-from": [],
        "grow-to": ["Read", "Write", "DescribeConfigs"],
    }


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    ended = dueclock("acls", "--role", "producer", "--principal", "User:x", folder=tmp_path)
    assert sentence_of(ended).startswith("The role producer needs --topic, one of ")
    with pytest.raises(UserError, match="is User:NAME"):
        rights_text([], "nobody", Settings(), "rpk")
    with pytest.raises(UserError, match="--topic goes with"):
        rights_of("worker", Settings(), "buyer-message")
