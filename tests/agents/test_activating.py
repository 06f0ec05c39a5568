"""Activating, decision by decision: what a worker puts in force in a partition, and what it leaves alone (§5)."""

from __future__ import annotations

import pytest

from agents.errors import UserError
from agents.worker.activating import Activator, Chosen
from agents.zones import machine_zones
from schemas.policies import load_policies
from streams import logic
from streams.state import State, new_state
from tests.audit.history import POLICIES
from tests.zones import DATA, NEWER, OLDER
from tests.zones.test_data import IN_VANCOUVER

OTHER_FILE = f"{IN_VANCOUVER}# another file\n"


def chosen(toml: str = IN_VANCOUVER, release: str = OLDER, number: int = 1, *, is_again: bool = False) -> Chosen:
    policies = load_policies(toml)
    return Chosen(policies, machine_zones(policies, str(DATA / release)), number, is_again=is_again)


def owned(state: State, choice: Chosen) -> str:
    """What a worker with this choice does that takes a partition over: `activates` or `goes on`."""
    activator = Activator(choice, state)
    if not activator.wanted:
        return "goes on"
    body, before = activator.body(), state.book
    state.activate(choice.policies, body.zones or {}, body.logic or 0)
    activator.activated(before)
    assert Activator(choice, state).wanted is False, "it is in force now"
    return "activates"


@pytest.fixture
def state() -> State:
    """A partition in which the older data are in force."""
    state = new_state(7)
    assert owned(state, chosen()) == "activates"
    return state


@pytest.fixture
def newer_logic(monkeypatch: pytest.MonkeyPatch) -> int:
    """A number that this program will keep some day."""
    monkeypatch.setitem(logic.CHANGES, logic.NEWEST + 1, "What a later version changed.")
    return logic.NEWEST + 1


def test_the_same_choice_is_in_force_already(state: State) -> None:
    assert owned(state, chosen()) == "goes on"


@pytest.mark.parametrize("choice", [chosen(release=NEWER), chosen(OTHER_FILE), chosen(OTHER_FILE, NEWER)])
def test_other_zones_or_another_file_are_activated_once_and_what_was_left_stays_left(
    state: State, choice: Chosen, caplog: pytest.LogCaptureFixture
) -> None:
    assert owned(state, choice) == "activates"
    caplog.clear()
    assert [owned(state, one) for one in (choice, chosen(), choice, chosen())] == ["goes on"] * 4
    assert len(caplog.messages) == 2, "each owner says once that it goes on with what is in force"
    assert all(said.startswith("partition 7 goes on with the policies (") for said in caplog.messages)


def test_what_was_left_is_named(state: State, caplog: pytest.LogCaptureFixture) -> None:
    assert owned(state, chosen(OTHER_FILE, NEWER)) == "activates"
    for choice, left in (
        (chosen(IN_VANCOUVER, NEWER), "this worker's policies (policies"),
        (chosen(OTHER_FILE, OLDER), "this worker's time-zone data of America/Vancouver (policies"),
        (chosen(), "this worker's policies and time-zone data of America/Vancouver (policies"),
    ):
        caplog.clear()
        assert owned(state, choice) == "goes on"
        assert left in caplog.text


def test_zones_that_changed_are_named_when_they_come_into_force(state: State, caplog: pytest.LogCaptureFixture) -> None:
    longer = IN_VANCOUVER.replace("2028-12-31", "2029-12-31")
    with caplog.at_level("INFO"):
        assert owned(state, chosen(longer)) == "activates"
        assert "time-zone data" not in caplog.text, "a longer coverage is no other data"
        assert owned(state, chosen(longer, NEWER)) == "activates"
    assert "time-zone data of America/Vancouver now in force; every clock keeps its due" in caplog.messages[-1]


def test_an_operators_word_is_good_once_for_each_partition(state: State) -> None:
    other = new_state(8)
    back = chosen(is_again=True)
    for one in (state, other):
        owned(one, chosen())
        assert owned(one, chosen(release=NEWER)) == "activates"
        assert owned(one, back) == "activates"
        assert owned(one, chosen(release=NEWER)) == "goes on"
        assert owned(one, chosen(release=NEWER, is_again=True)) == "activates"
        assert owned(one, back) == "goes on"


def test_an_operators_word_is_not_kept_for_later_where_nothing_had_to_be_brought_back(state: State) -> None:
    back = chosen(is_again=True)
    assert owned(state, back) == "goes on"
    assert owned(state, chosen(release=NEWER)) == "activates"
    assert owned(state, back) == "goes on"


def test_a_higher_logic_is_activated_and_never_lowered(state: State, newer_logic: int) -> None:
    assert owned(state, chosen(number=newer_logic)) == "activates"
    assert state.logic == newer_logic
    assert owned(state, chosen(number=1)) == "goes on"
    assert owned(state, chosen(OTHER_FILE, number=1)) == "activates"
    assert state.logic == newer_logic


def test_a_file_that_may_not_follow_is_refused(state: State) -> None:
    activator = Activator(chosen(POLICIES.replace('marketplaces = ["ATVPDKIKX0DER"]', "", 1)), state)
    assert activator.wanted
    with pytest.raises(UserError, match="may not follow the one in force") as refused:
        activator.body()
    assert refused.value.exit_code == 2
