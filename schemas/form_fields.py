"""One field as the wire has it, and its checks. A module of its own: a named tuple is not compiled."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from schemas.codec import parse_instant
from schemas.fields import Rewording


class Field(NamedTuple):
    """One field as the wire has it."""

    name: str
    is_time: bool
    is_required: bool
    hint: Any
    pattern: re.Pattern[str] | None
    rewording: Rewording | None = None
    at_most: str | None = None  # the field that this one may not exceed
    holds: Callable[[Any], bool] | None = None  # of the converted value

    def is_good(self, value: Any, document: Mapping[str, Any]) -> bool:
        """Whether a present value is valid here, among what else was said."""
        if self.rewording and type(value) is str:
            return True
        try:
            converted = parse_instant(value) if self.is_time else msgspec.convert(value, self.hint)
        except (ValueError, TypeError, msgspec.ValidationError):
            return False
        return (
            (self.pattern is None or self.pattern.fullmatch(value) is not None)
            and (self.at_most is None or value <= document[self.at_most])
            and (self.holds is None or self.holds(converted))
        )
