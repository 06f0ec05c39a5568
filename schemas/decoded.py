"""What was decoded: a valid body, and what came with it."""

from msgspec import Struct

from schemas.notifications import Body


class Decoded(Struct, frozen=True, gc=False):
    """A valid notification, tick, activation or seal, and what its line in a file says of the journal's time.

    `body` is a `schemas.notifications.Body`. `value` is that of its journal record, None where it is not known yet
    (`schemas.decoding.journal_value` makes it).
    """

    body: Body
    arrived_ms: int | None
    journaled_ms: int | None
    value: bytes | None = None
