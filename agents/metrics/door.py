"""Who may see what a worker shows, and in what words it speaks to them: tokens, and TLS.

`/healthz` and `/readyz` are for whoever asks. `/metrics` is open where only this machine can ask and no token is set;
else it is for who has the token of `http_token_file`. `/clocks` has ids: always for who has that token, or the
`clocks_token`. Tokens are compared in constant time. Token, certificate and key are files that may be changed while a
worker runs: what is new holds from the next connection on; what cannot be read then opens no door.
"""

import hmac
import ssl
from ipaddress import ip_address
from pathlib import Path

from agents.errors import UserError
from agents.settings import LEAST_TOKEN, Settings


def is_loopback(address: str) -> bool:
    """Whether only this machine can come to this address (numbers, as a socket has them)."""
    return ip_address(address.partition("%")[0]).is_loopback


def read_token(path: str) -> str:
    """The token that stands in a file. UserError where there is none."""
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file {path} of the setting `http_token_file` cannot be read ({error}).", 2) from None
    if len(token) < LEAST_TOKEN:
        raise UserError(
            f"The token in {path} (setting `http_token_file`) has fewer than {LEAST_TOKEN} characters; "
            "`openssl rand -hex 24` makes one that is long enough.",
            2,
        )
    return token


class Door:
    """The doors of one endpoint that listens at `address`. UserError where a file that is named is of no use."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._token_file = settings.http_token_file
        self._clocks_token = settings.clocks_token
        if self._token_file:
            read_token(self._token_file)
        self._is_open = not self._token_file and is_loopback(address)
        self.has_clocks = bool(self._token_file or self._clocks_token)
        """Whether anybody may see the clocks."""
        self.is_shut = not self._is_open and not self._token_file
        """Nobody may see the metrics: other machines can ask, and there is no token."""

    def may_see_metrics(self, authorization: str) -> bool:
        """Whether who says this may see the metrics."""
        return self._is_open or _fits(authorization, self._token())

    def may_see_clocks(self, authorization: str) -> bool:
        """Whether who says this may see the clocks."""
        # Both are compared, whatever the first says: how long it takes tells nothing.
        return any([_fits(authorization, self._clocks_token), _fits(authorization, self._token())])

    def _token(self) -> str:
        if not self._token_file:
            return ""
        try:
            return read_token(self._token_file)
        except UserError:
            return ""


def _fits(authorization: str, token: str) -> bool:
    given = authorization.encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, b"Bearer " + token.encode()) and token != ""


class Tls:
    """The certificate to speak under, if there is one; made anew when its files have changed."""

    def __init__(self, settings: Settings) -> None:
        self._files = (settings.http_tls_cert, settings.http_tls_key)
        self._context: ssl.SSLContext | None = None
        self._changed_ns: tuple[int, ...] = ()
        if self._files[0]:
            try:
                self._read()
            except (OSError, ValueError) as error:
                raise UserError(
                    f"The certificate {self._files[0]} and the key {self._files[1]} (settings `http_tls_cert`, "
                    f"`http_tls_key`) cannot be used ({error}); both are PEM files, the key without a password.",
                    2,
                ) from None

    @property
    def context(self) -> ssl.SSLContext | None:
        """That of the next connection; None: plain HTTP. Files that are being replaced leave the last one in force."""
        if self._context is not None:
            try:
                if self._times_ns() != self._changed_ns:
                    self._read()
            except (OSError, ValueError):
                pass
        return self._context

    def _read(self) -> None:
        changed_ns = self._times_ns()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A key with a password would ask the terminal for it, and wait.
        context.load_cert_chain(*self._files, password=lambda: "")
        self._context, self._changed_ns = context, changed_ns

    def _times_ns(self) -> tuple[int, ...]:
        return tuple(Path(file).stat().st_mtime_ns for file in self._files)
