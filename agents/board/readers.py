"""Who may look, and at whose clocks: readers with a token or known to a proxy, each bound to accounts.

On this machine alone, without a file of readers, whoever is here sees all; then a page is answered only under a name
of this machine, so that no foreign site can have its name point here and read along. With a file nobody sees anything
who is not in it. Tokens stand in files of their own, are compared in constant time, and may be changed while the board
runs.

    [proxy]                                  # optional: a proxy in front that knows who is who
    header = "X-Forwarded-User"              # what it says, and whoever may reach the board must not be able to say
    from = ["10.0.0.7"]                      # where it comes from: addresses or networks

    [[readers]]
    name = "acme"                            # with a proxy: as it calls them
    token_file = "acme.token"                # or token_env; needed where there is no proxy
    accounts = ["A1SELLEREXAMPLE/*"]         # or one account, or "*" for all
"""

import hmac
import os
import secrets
import time
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from agents.errors import UserError
from agents.files import read_text
from agents.settings import LEAST_TOKEN

SESSION_S: Final = 12 * 3600
MOST_SESSIONS: Final = 10_000

Account = Annotated[str, Meta(pattern=r"^(\*|[A-Za-z0-9._:@=+-]{1,64}/(\*|[A-Za-z0-9._:@=+-]{1,32}))$")]


class Reader(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody who may look."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    accounts: Annotated[list[Account], Meta(min_length=1)]
    token_file: str = ""
    token_env: str = ""

    def sees(self, account: str) -> bool:
        """Whether the clocks of an account are theirs to see."""
        return any(one in ("*", account, f"{account.partition('/')[0]}/*") for one in self.accounts)


class Proxy(msgspec.Struct, forbid_unknown_fields=True, rename={"networks": "from"}):
    """The proxy that says who asks."""

    header: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,80}$")]
    networks: Annotated[list[str], Meta(min_length=1)]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    readers: Annotated[list[Reader], Meta(min_length=1)]
    proxy: Proxy | None = None


class _Session(NamedTuple):
    """A browser that came with a token: whose, the token's digest (another token ends it), until when."""

    name: str
    digest: bytes
    until_s: float


EVERYBODY: Final = Reader("", ["*"])
NOBODY: Final = Reader("", [])


class Readers:
    """All who may look; `path` is "" where nobody is named."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sessions: dict[str, _Session] = {}
        self._readers: list[Reader] = []
        self._proxy: Proxy | None = None
        self._networks: list[IPv4Network | IPv6Network] = []
        if path:
            self._read()

    @property
    def are_named(self) -> bool:
        """Whether there is a file of them."""
        return bool(self._path)

    @property
    def has_tokens(self) -> bool:
        """Whether anybody can come with a token."""
        return any(one.token_file or one.token_env for one in self._readers)

    def _read(self) -> None:
        try:
            found = msgspec.convert(tomllib.loads(read_text(Path(self._path), "file of readers")), _File)
            networks = [] if found.proxy is None else [ip_network(one) for one in found.proxy.networks]
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
            raise UserError(f"The file of readers {self._path} is not as it should be: {error}.", 2) from None
        if len({one.name for one in found.readers}) < len(found.readers):
            raise UserError(f"Two readers in {self._path} have one name; give each their own.", 2)
        for one in found.readers:
            if one.token_file or one.token_env:
                _token(one)
            elif found.proxy is None:
                raise UserError(f"The reader {one.name!r} needs a token; name its file or variable.", 2)
        self._readers, self._proxy, self._networks = found.readers, found.proxy, networks

    # --- who asks ----------------------------------------------------------------------------------------------------

    def reader_of(self, headers: Mapping[str, str], address: str, session: str) -> Reader | None:
        """Who asks: said by the proxy, by a bearer token, or by the session that a token began. None: nobody known."""
        if not self._path:
            return EVERYBODY
        if self._proxy is not None and self._is_proxy(address):
            name = headers.get(self._proxy.header, "")
            return next((one for one in self._readers if one.name == name), None)
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.reader_with(token.strip())
        begun = self._sessions.get(session)
        if begun is None or begun.until_s < time.monotonic():
            self._sessions.pop(session, None)
            return None
        reader = next((one for one in self._readers if one.name == begun.name), None)
        return reader if reader is not None and hmac.compare_digest(_digest(reader), begun.digest) else None

    def reader_with(self, token: str) -> Reader | None:
        """Whose token this is. All are compared, so that the time taken says nothing."""
        known: Reader | None = None
        for one in self._readers:
            own = _digest(one)
            is_own = hmac.compare_digest(own, sha256(token.encode("utf-8", "surrogateescape")).digest())
            known = one if is_own and own else known
        return known

    def begin_session(self, reader: Reader) -> str:
        """A name for what a browser is remembered by, which nobody can guess."""
        now_s = time.monotonic()
        if len(self._sessions) >= MOST_SESSIONS:
            self._sessions = {key: one for key, one in self._sessions.items() if one.until_s > now_s}
        if len(self._sessions) >= MOST_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        session = secrets.token_urlsafe(32)
        self._sessions[session] = _Session(reader.name, _digest(reader), now_s + SESSION_S)
        return session

    def end_session(self, session: str) -> None:
        """The browser is forgotten."""
        self._sessions.pop(session, None)

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def _digest(reader: Reader) -> bytes:
    """Of a reader's token; nothing where there is none, or where its file is just being replaced."""
    if not (reader.token_file or reader.token_env):
        return b""
    try:
        return sha256(_token(reader).encode()).digest()
    except UserError:
        return b""


def _token(reader: Reader) -> str:
    """A reader's token. UserError where it is not there or too short."""
    text = (
        read_text(Path(reader.token_file), "token file") if reader.token_file else os.environ.get(reader.token_env, "")
    )
    found = text.strip()
    if len(found) < LEAST_TOKEN:
        raise UserError(
            f"The token of the reader {reader.name!r} is missing, or has fewer than {LEAST_TOKEN} characters; "
            "`openssl rand -hex 24` makes one that is long enough.",
            2,
        )
    return found
