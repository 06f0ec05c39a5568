"""Logic: which number the rules' code has, and what each number changed (contract §5, Logic).

A line is judged by the logic that is in force when it comes; an activation puts one in force. A program keeps the logic
of every number up to its own, so that an old journal gives its old bytes: where numbers differ, code asks for the
number in force. The number goes up whenever the same lines and policies would give other bytes; then a journal of the
old number is kept under tests/upgrades and a row is added here.
"""

from __future__ import annotations

from typing import Final

from schemas.policy_types import PolicyError

CHANGES: Final[dict[int, str]] = {
    1: "The contract as of 0.2.",
}
"""What each number changed, the oldest first."""

NEWEST: Final = max(CHANGES)
"""The logic of this program: what judges where nothing else is said."""

FIRST: Final = 1
"""The logic of an activation that names none (contract §5)."""

BEFORE_LOGIC: Final = (
    "dueclock 0.1, whose topics cannot be gone on with; begin anew with empty topics (another topic_prefix) and send "
    "the notifications again."
)
"""What wrote lines and rows that say neither logic nor zones, and what to do about it: the end of a sentence."""


class OtherVersionError(PolicyError):
    """Nothing is wrong, but another version of the program wrote it, and this one cannot judge it; one sentence."""


def check_logic(logic: int) -> None:
    """OtherVersionError, a sentence that says what to do, for a number that this program does not keep."""
    if logic not in CHANGES:
        raise OtherVersionError(f"Logic {logic} is not known here, where the newest is {NEWEST}; use a newer dueclock.")
