"""The generated pages are those of the code: whoever changes a setting, a metric, a topic writes them anew."""

from __future__ import annotations

import pytest

from streams.clock import TRANSITIONS
from tests.docs.blocks import DOCS
from tests.docs.drawing import Move, Place, drawn
from tests.docs.lives import clock_svg
from tests.docs.regenerate import documents, with_parts

DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_generated_page_is_that_of_the_code(name: str) -> None:
    assert (DOCS / name).read_text() == DOCUMENTS[name], "run `python -m tests.docs.regenerate`"


def test_a_drawing_shows_every_move_of_its_table() -> None:
    """As many lines as pairs that go forward, one dashed for each state that can be taken back, and two at the ends."""
    forward = [words for words in TRANSITIONS.values() if words and "RETRACT_ALL" not in {word.name for word in words}]
    taken_back = {old for (old, _), words in TRANSITIONS.items() if "RETRACT_ALL" in {word.name for word in words}}
    svg = clock_svg()
    assert svg.count("marker-end") == len(forward) + len(taken_back) + 2
    assert svg.count('class="back"') == len(taken_back) + 1


def test_another_table_gives_another_drawing() -> None:
    places = {"a": Place(50, 50), "b": Place(250, 50)}
    one_way = drawn("x", places, [Move("a", "b", "go")])
    assert one_way != drawn("x", places, [Move("a", "b", "go"), Move("b", "a")])
    assert one_way == drawn("x", places, [Move("a", "b", "go")])


def test_a_page_without_its_marks_is_refused() -> None:
    assert (
        with_parts("<!-- made: x -->\nold\n<!-- end: x -->", {"x": "new"})
        == "<!-- made: x -->\n\nnew\n\n<!-- end: x -->"
    )
    with pytest.raises(ValueError, match="has not both marks"):
        with_parts("<!-- made: x -->", {"x": "new"})
