"""GSSAPI: a login by Kerberos, where the library `gssapi` is installed (extra `kerberos`, built with its headers).

Tickets come from a keytab, which Kerberos itself reads again whenever it needs a new ticket, or from the cache that
`kinit` has filled. Those of a keytab stay in memory: no ticket lies on a disk. What goes wrong is a `NoTicketError`, so
that a worker waits as it does for a broker that is away.
"""

import os
from pathlib import Path
from typing import Any

from aiokafka import conn

from agents.errors import UserError
from agents.files import read_bytes
from agents.kafka.tokens import NoTokenError
from agents.settings import Settings

_MEMORY = "MEMORY:dueclock"


class NoTicketError(NoTokenError):
    """There is no ticket to show; the sentence says why and what to do."""


def use_kerberos(settings: Settings) -> None:
    """Let connections of this process log in by Kerberos. UserError where the library or the keytab is missing."""
    if conn.gssapi is None:
        raise UserError(
            "`sasl_mechanism` GSSAPI needs the library gssapi; install Kerberos' headers (on Debian: apt install "
            "libkrb5-dev) and `dueclock[kerberos]`.",
            2,
        )
    if settings.sasl_kerberos_keytab:
        keytab = Path(settings.sasl_kerberos_keytab)
        read_bytes(keytab, "keytab")
        os.environ["KRB5_CLIENT_KTNAME"] = f"FILE:{keytab.absolute()}"
        os.environ["KRB5CCNAME"] = _MEMORY
    conn.SaslGSSAPIAuthenticator = _Authenticator


class _Authenticator(conn.SaslGSSAPIAuthenticator):  # type: ignore[misc] # aiokafka has no types
    """Aiokafka's own; what Kerberos refuses is said as a failure of the connection."""

    def _step(self, payload: Any) -> Any:
        try:
            return super()._step(payload)
        except conn.gssapi.exceptions.GSSError as error:
            # The library's words hold names and addresses, never a key.
            reason = " ".join(str(error).split())
            raise NoTicketError(
                f"Kerberos gives no ticket ({reason}); check the keytab, krb5.conf and the KDC."
            ) from None
