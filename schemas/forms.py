"""What is known of each type before any notification of it comes: its fields in the contract's order, and their checks.

Derived from the structs of `schemas.notifications` once, at import. `Form.read` is on the path of each notification:
one regular expression over all required texts together, one conversion. Only what it refuses is looked at field by
field, by `Form.first_to_blame`. That the two agree is a law of the tests; another is that `Form.journal_value` makes of
a notification as it came what `schemas.decoding.journal_value` makes of the struct.
"""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from schemas.codec import INSTANT_PATTERN, canonical_json, format_instant, parse_instant
from schemas.fields import AT_MOST, HOLDS, REWORDING, pattern_of, said_of
from schemas.form_fields import Field
from schemas.notifications import FILE_ONLY_TYPES, NOTIFICATION_TYPES, Notification, type_name

FILE_TIMES: Final = ("arrived_at", "journaled_at")
_ENVELOPE: Final = tuple(field.encode_name for field in msgspec.structs.fields(Notification))
_JOINT: Final = "\n"  # between joined texts: no pattern of ours matches it, so no text reaches into its neighbour


class Form:
    """One type: its struct, and what the struct's own conversion does not check. A plain class, to be compiled."""

    def __init__(self, body_type: type[Any], fields: tuple[Field, ...], exact: list[Field], *, is_live: bool) -> None:
        """`fields` in the order in which they are blamed; `exact` are those whose texts must match a pattern."""
        own = [field for field in fields if field.name not in FILE_TIMES]
        required = [field for field in exact if field.is_required]
        self.body_type = body_type
        self.is_live = is_live
        """Whether it may come on an input topic, and so has an envelope."""
        self.fields = fields
        self.names = frozenset(("type", *(field.name for field in own)))
        """Of all that a journal record of it may hold."""
        self.required_texts = _getter(tuple(field.name for field in required))
        """Without `occurred_at`."""
        patterns = [field.pattern.pattern for field in required if field.pattern]
        self.required_match = re.compile(_JOINT.join(f"(?:{pattern})" for pattern in patterns)).fullmatch
        self.optional_texts = [
            (field.name, field.pattern) for field in exact if field.pattern and not field.is_required
        ]
        self.reworded = [(field.name, field.rewording) for field in own if field.rewording]
        self.bounded = [(field.name, field.at_most) for field in own if field.at_most]
        self.held = [(field.name, field.holds) for field in own if field.holds]

    def read(self, document: dict[str, Any]) -> Any:
        """The struct, None if a field is bad. Uses `document` up: `occurred_at` is milliseconds afterwards."""
        if "" in document.values():
            self._leave_out_empty(document)
        for name, (is_kept, otherwise) in self.reworded:
            text = document.get(name)
            if type(text) is str and not is_kept(text):
                document[name] = otherwise(text)
        try:
            if self.required_match(_JOINT.join(self.required_texts(document))) is None:
                return None
            if self.is_live:
                document["occurred_at"] = parse_instant(document["occurred_at"])
            body = msgspec.convert(document, self.body_type)
        except (KeyError, TypeError, ValueError, msgspec.ValidationError):
            return None
        for name, pattern in self.optional_texts:
            text = document.get(name)
            if text is not None and pattern.fullmatch(text) is None:
                return None
        return body if not (self.bounded or self.held) or self._is_sound(body, document) else None

    def journal_value(self, document: dict[str, Any]) -> bytes | None:
        """The journal record's value of what was read from `document`, None if it is not plain; uses it up.

        Plain is what holds texts and flags alone, as most do: what is known of them stands in the journal as it came.
        """
        if not self.is_live or self.bounded or None in document.values():
            return None
        if not self.names.issuperset(document):
            document = {name: document[name] for name in document if name in self.names}
        document["occurred_at"] = format_instant(document["occurred_at"])
        return canonical_json(document)

    def first_to_blame(self, document: Mapping[str, Any], *, from_file: bool) -> str:
        """Of what was refused: the first missing or invalid field in the contract's order."""
        for field in self.fields:
            if field.name in FILE_TIMES and not from_file:
                continue
            value = document.get(field.name)
            is_absent = value is None or (value == "" and not field.is_required)
            if field.is_required if is_absent else not field.is_good(value, document):
                return field.name
        return FILE_TIMES[0]  # all that is there is good: a tick or an activation that does not bring its time

    def _leave_out_empty(self, document: dict[str, Any]) -> None:
        for field in self.fields:
            if not field.is_required and document.get(field.name) == "":
                del document[field.name]

    def _is_sound(self, body: Any, document: Mapping[str, Any]) -> bool:
        """Of the few types that have such fields: no figure exceeds its bound, and each value holds together."""
        for name, bound in self.bounded:
            if document[name] > document[bound]:
                return False
        for name, holds in self.held:
            value = getattr(body, name)
            if value is not None and not holds(value):
                return False
        return True


def _field(info: FieldInfo, hint: object) -> Field:
    is_time = info.name.endswith("_ms")
    pattern = INSTANT_PATTERN if is_time else pattern_of(hint)
    return Field(
        name=info.encode_name,
        is_time=is_time,
        is_required=info.default is NODEFAULT,
        hint=hint,
        pattern=re.compile(pattern.removeprefix("^").removesuffix("$")) if pattern else None,
        rewording=said_of(hint, REWORDING),
        at_most=said_of(hint, AT_MOST),
        holds=said_of(hint, HOLDS),
    )


def _form(body_type: type[Struct], *, is_live: bool) -> Form:
    hints = get_type_hints(body_type, include_extras=True)
    declared = {info.encode_name: _field(info, hints[info.name]) for info in msgspec.structs.fields(body_type)}
    envelope = tuple(declared.pop(name) for name in _ENVELOPE if is_live)
    file_times = tuple(Field(name, is_time=True, is_required=False, hint=str, pattern=None) for name in FILE_TIMES)
    own = tuple(declared.values())
    exact = [field for field in (*envelope, *own) if field.pattern and not field.rewording and not field.is_time]
    return Form(body_type, (*envelope, *file_times, *own), exact, is_live=is_live)


def _getter(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[str, ...]]:
    """The named items as a tuple. `itemgetter` gives a tuple for two names and more only."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda document: tuple(document[name] for name in names)


FORMS: Final[dict[str, Form]] = {
    **{type_name(body_type): _form(body_type, is_live=True) for body_type in NOTIFICATION_TYPES},
    **{type_name(body_type): _form(body_type, is_live=False) for body_type in FILE_ONLY_TYPES},
}
