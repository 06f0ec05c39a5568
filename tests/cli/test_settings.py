"""Settings: what wins over what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.errors import UserError
from agents.journal.places import archive_store
from agents.settings import MEANINGS, TABLES, Settings, field_names, load_settings
from agents.topic_roles import LOGICAL_TOPICS, SNAPSHOTS
from schemas.registry import TOPICS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dueclock.toml"


def refused(environ: dict[str, str] | None = None, path: Path | None = None, **flags: object) -> str:
    with pytest.raises(UserError) as caught:
        load_settings(flags, path=None if path is None else str(path), environ=environ or {})
    assert caught.value.exit_code == 2
    return caught.value.sentence


def test_a_flag_wins_over_a_variable_over_the_file_over_the_default(file: Path) -> None:
    file.write_text('group = "file"\nclient_id = "file"\nmetrics_port = 1\n')
    environ = {"DUECLOCK_GROUP": "variable", "DUECLOCK_CLIENT_ID": "variable"}
    settings = load_settings({"group": "flag", "client_id": None}, path=str(file), environ=environ)
    assert (settings.group, settings.client_id, settings.metrics_port) == ("flag", "variable", 1)
    assert settings.partitions == Settings().partitions


def test_the_file_of_the_current_folder_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("partitions = 9\n")
    monkeypatch.chdir(file.parent)
    assert load_settings(environ={}).partitions == 9


def test_a_variable_names_the_settings_file(file: Path) -> None:
    other = file.with_name("other.toml")
    other.write_text("partitions = 7\n")
    assert load_settings(environ={"DUECLOCK_SETTINGS": str(other)}).partitions == 7


def test_every_setting_has_a_variable_and_a_meaning() -> None:
    assert set(field_names()) == set(MEANINGS)
    for name in field_names():
        if name not in TABLES:
            value = str(getattr(Settings(), name))
            assert getattr(load_settings(environ={f"DUECLOCK_{name.upper()}": value}), name) == getattr(
                Settings(), name
            )


def test_topic_names_have_a_prefix_or_are_given_one_by_one(file: Path) -> None:
    file.write_text('topic_prefix = "shop."\n[topics]\nsla-breach = "alarms"\n')
    settings = load_settings(path=str(file), environ={"DUECLOCK_TOPIC_RETURN_APPROVED": "returns"})
    assert settings.topic("sla-breach") == "alarms"
    assert settings.topic("return-approved") == "returns"
    assert settings.topic("sla-clock") == "shop.sla-clock"
    assert len({settings.topic(topic.name) for topic in TOPICS}) == len(TOPICS)


def test_a_slip_in_a_topics_name_is_no_new_topic() -> None:
    with pytest.raises(KeyError, match="'sla-jurnal' is no topic of dueclock"):
        Settings(topic_prefix="shop.").topic("sla-jurnal")  # type: ignore[arg-type]  # mypy sees it too


@pytest.mark.parametrize("broker", ["localhost:9092", "kafka://a:1,b:2", "a:1; b:2", "[::1]:9092"])
def test_brokers_are_a_list_of_host_and_port(broker: str) -> None:
    servers = Settings(broker=broker).bootstrap_servers
    assert all("kafka://" not in server and server.count(" ") == 0 for server in servers)
    assert len(servers) == 1 + broker.count(",") + broker.count(";")


def test_an_unnamed_broker_is_asked_for() -> None:
    assert load_settings(environ={}, broker_if_unnamed=lambda settings: "found:1").broker == "found:1"
    named = load_settings({"broker": "mine:2"}, environ={}, broker_if_unnamed=lambda settings: "found:1")
    assert named.broker == "mine:2"
    assert load_settings(environ={}, broker_if_unnamed=lambda settings: None).broker == Settings().broker


def test_an_unknown_key_is_refused(file: Path) -> None:
    file.write_text("partitons = 4\n")
    assert refused(path=file) == (
        f"Unknown setting 'partitons' in the settings file {file}; the settings are {', '.join(field_names())}."
    )


def test_an_unknown_variable_is_refused() -> None:
    assert refused({"DUECLOCK_PARTITONS": "4"}) == (
        "The variable DUECLOCK_PARTITONS is no setting of dueclock; correct its name or unset it."
    )


@pytest.mark.parametrize(
    "variable", ["DUECLOCK_PORT", "DUECLOCK_SERVICE_HOST", "DUECLOCK_PORT_9108_TCP_ADDR", "DUECLOCK_DEBUG"]
)
def test_variables_that_kubernetes_makes_of_a_service_are_left_alone(variable: str) -> None:
    assert load_settings(environ={variable: "tcp://10.0.0.1:9108"}) == Settings()


def test_a_number_may_not_be_text_in_the_file_but_is_text_in_a_variable(file: Path) -> None:
    file.write_text('partitions = "4"\n')
    wrong = "A wrong value for the setting 'partitions' in the"
    assert refused(path=file) == f"{wrong} settings file {file}: expected a whole number, got text."
    assert load_settings(environ={"DUECLOCK_PARTITIONS": "6"}).partitions == 6
    assert refused({"DUECLOCK_PARTITIONS": "many"}) == (
        f"{wrong} variable DUECLOCK_PARTITIONS: expected a whole number, got text."
    )


@pytest.mark.parametrize(("ratio", "bound"), [("0", "> 0.0"), ("1.5", "<= 1.0")])
def test_a_share_is_above_nothing_and_at_most_all(ratio: str, bound: str) -> None:
    variable = "DUECLOCK_DEAD_LETTER_RATIO"
    assert refused({variable: ratio}) == (
        f"A wrong value for the setting 'dead_letter_ratio' in the variable {variable}: expected a number {bound}."
    )


def test_what_does_not_fit_together_is_refused() -> None:
    together = "The settings do not fit together: "
    assert refused({"DUECLOCK_HEARTBEAT_S": "5"}) == (
        together + "`heartbeat_s` must be at most a third of `session_timeout_s`."
    )
    assert load_settings(environ={"DUECLOCK_HEARTBEAT_S": "5", "DUECLOCK_SESSION_TIMEOUT_S": "15"}).heartbeat_s == 5
    assert refused({"DUECLOCK_TOPIC_SLA_BREACH": "sla-clock"}) == (
        together + "two topics would have the name 'sla-clock'."
    )
    assert refused(broker="localhost") == together + "broker 'localhost' is not of the form host:port."


def test_snapshots_may_be_in_a_topic_and_an_archive_may_not() -> None:
    in_topic = load_settings(environ={"DUECLOCK_SNAPSHOTS": "topic"})
    assert in_topic.has_snapshot_topic
    assert in_topic.logical_topics == LOGICAL_TOPICS
    in_folder = load_settings(environ={"DUECLOCK_SNAPSHOTS": "./topic"})
    assert not in_folder.has_snapshot_topic
    assert in_folder.logical_topics == tuple(name for name in LOGICAL_TOPICS if name != SNAPSHOTS)
    assert "name a folder (`./topic`, if it is called so)" in refused({"DUECLOCK_ARCHIVE": "topic"})


def test_an_archive_lies_where_snapshots_do_unless_they_are_in_a_topic() -> None:
    def archive(snapshots: str, archive: str = "") -> str | None:
        store = archive_store(Settings(snapshots=snapshots, archive=archive))
        return None if store is None else store.place

    assert archive("here") == "here"
    assert archive("here", "there") == archive("topic", "there") == archive("", "there") == "there"
    assert archive("topic") is archive("") is None


def test_a_topic_that_is_none_of_ours_is_refused(file: Path) -> None:
    file.write_text('[topics]\norders = "orders"\n')
    assert refused(path=file) == (
        "The settings do not fit together: `topics` names 'orders', which is no topic of dueclock "
        f"({', '.join(LOGICAL_TOPICS)})."
    )


def test_a_file_that_cannot_be_read_is_said(file: Path) -> None:
    assert refused(path=file) == (
        f"Cannot read the settings file {file} (No such file or directory); give a path that this user can read."
    )
    file.write_bytes(b"\xff\xfe")
    assert refused(path=file) == f"The settings file {file} is not UTF-8 text; save it as UTF-8."
    file.write_text("partitions =")
    assert refused(path=file).startswith(f"The settings file {file} is no TOML: ")


def test_a_policy_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Cannot read the policy file"):
        Settings(policies_path=str(tmp_path / "none.toml")).read_policies()


def test_without_a_policy_file_the_shipped_policies_are_read() -> None:
    assert "[[rules.sfp-refund]]" in Settings().read_policies()
