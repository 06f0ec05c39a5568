"""The windowed Faust table of open clocks: a view by due hour."""

from __future__ import annotations

import faust
import pytest
from faust.types.windows import WindowT

from agents.worker.tables import HOUR_S, OpenClocks, StateTable

HOUR_MS = HOUR_S * 1000
NOW_MS = 1_795_000_000_000 // HOUR_MS * HOUR_MS + 600_000
THIS_HOUR = NOW_MS // HOUR_MS * HOUR_MS
MESSAGE, REFUND = ("buyer-message-reply", "US"), ("sfp-refund", "JP")


@pytest.fixture
def view() -> OpenClocks:
    return OpenClocks(faust.App("test-view", broker="kafka://localhost:1", autodiscover=False))


def test_it_is_a_windowed_faust_table_of_whole_hours(view: OpenClocks) -> None:
    assert isinstance(view.table.table, faust.tables.Table)
    assert isinstance(view.table.table.window, WindowT)
    view.show([{(*MESSAGE, THIS_HOUR): 3}])
    window = view.table.table.window.current(NOW_MS / 1000)
    assert view.table["buyer-message-reply|US"][window] == 3
    assert window[0] == THIS_HOUR / 1000


def test_clocks_are_counted_by_when_they_fall_due(view: OpenClocks) -> None:
    view.show([{(*MESSAGE, THIS_HOUR): 2, (*MESSAGE, THIS_HOUR + HOUR_MS): 5, (*REFUND, THIS_HOUR + 30 * HOUR_MS): 7}])
    assert view.due_within(NOW_MS, 0) == {MESSAGE: 2}
    assert view.due_within(NOW_MS, 1) == {MESSAGE: 7}
    assert view.due_within(NOW_MS, 48) == {MESSAGE: 7, REFUND: 7}
    assert view.open_clocks() == {MESSAGE: 7, REFUND: 7}


def test_it_shows_the_partitions_that_are_kept_and_what_they_hold_by_now(view: OpenClocks) -> None:
    counts = {(*MESSAGE, THIS_HOUR): 2, (*REFUND, THIS_HOUR - 90 * 24 * HOUR_MS): 1}
    view.show([counts, counts])
    assert view.open_clocks() == {MESSAGE: 4, REFUND: 2}
    view.show([{(*MESSAGE, THIS_HOUR): 1}])
    assert view.open_clocks() == {MESSAGE: 1}
    view.show([])
    assert dict(view.table.table) == {}


def test_the_view_has_no_changelog_and_nothing_expires(view: OpenClocks) -> None:
    assert view.table.table.app.tables.data == {}
    assert view.table.table.window is not None
    assert not view.table.table.window.expires


def test_rows_of_the_state_are_not_written_key_by_key() -> None:
    app = faust.App("test-state", broker="kafka://localhost:1", autodiscover=False)
    table = StateTable(app, name="state", changelog_topic=app.topic("changelog"))
    with pytest.raises(TypeError, match="transaction of a slice"):
        table[b"a"] = b"b"
