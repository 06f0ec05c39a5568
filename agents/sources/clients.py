"""Who may tell the gateway what: clients with a token or a secret, and carriers' hooks, each bound to accounts.

They stand in a TOML file of their own, secrets not even there: each names a variable or a file that holds its secret.

    [[clients]]
    name = "helpdesk"
    token_env = "HELPDESK_TOKEN"                      # or token_file; or secret_env, secret_file for signed bodies
    accounts = ["A1SELLEREXAMPLE/ATVPDKIKX0DER"]

    [[hooks]]
    provider = "easypost"                             # easypost, aftership, shipstation: signed; shippo: by the path
    path_env = "EASYPOST_PATH"                        # or path_file: the last part of the address, as a secret
    secret_env = "EASYPOST_SECRET"                    # or secret_file; of shipstation keys_file, its public JWKS
    accounts = ["A1SELLEREXAMPLE/ATVPDKIKX0DER"]
"""

import base64
import hashlib
import hmac
import os
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from agents.errors import UserError
from agents.files import read_text
from agents.sources.shipstation_keys import is_shipstations, read_keys

LEAST_SECRET: Final = 16
SKEW_S: Final = 300
"""How old a signed request may be: an older one may be a repeat by somebody who listened."""
SIGNED: Final = frozenset({"easypost", "aftership"})

Account = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:@=+-]{1,64}/[A-Za-z0-9._:@=+-]{1,32}$")]
Accounts = Annotated[list[Account], Meta(min_length=1)]
Provider = Literal["easypost", "aftership", "shippo", "shipstation"]


class Client(msgspec.Struct, forbid_unknown_fields=True):
    """A system of the seller's."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$")]
    accounts: Accounts
    token_env: str = ""
    token_file: str = ""
    secret_env: str = ""
    secret_file: str = ""
    token: bytes = b""
    secret: bytes = b""


class Hook(msgspec.Struct, forbid_unknown_fields=True):
    """A carrier aggregator."""

    provider: Provider
    accounts: Accounts
    path_env: str = ""
    path_file: str = ""
    secret_env: str = ""
    secret_file: str = ""
    keys_file: str = ""
    path: bytes = b""
    secret: bytes = b""
    keys: dict[str, Any] = {}


class Clients(msgspec.Struct, forbid_unknown_fields=True):
    """All who may speak."""

    clients: list[Client] = []
    hooks: list[Hook] = []


def read_clients(path: str) -> Clients:
    """The file, and the secrets that it names. UserError (status 2) for what a person can mend."""
    try:
        document = tomllib.loads(read_text(Path(path), "clients file"))
        found = msgspec.convert(document, Clients)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UserError(f"The clients file {path} is not as it should be: {error}.", 2) from None
    if any(client.token or client.secret for client in found.clients) or any(
        h.path or h.secret or h.keys for h in found.hooks
    ):
        raise UserError(f"A secret stands in {path} itself; name the variable or file that holds it.", 2)
    for client in found.clients:
        client.token = _secret(client.token_env, client.token_file)
        client.secret = _secret(client.secret_env, client.secret_file)
        if bool(client.token) == bool(client.secret):
            raise UserError(f"The client {client.name!r} needs a token or a secret; name its variable or file.", 2)
    for hook in found.hooks:
        hook.path, hook.secret = _secret(hook.path_env, hook.path_file), _secret(hook.secret_env, hook.secret_file)
        if not hook.path or (hook.provider in SIGNED and not hook.secret):
            more = " and a secret" if hook.provider in SIGNED else ""
            raise UserError(f"The hook of {hook.provider} needs a secret path{more}; name its variable or file.", 2)
        if hook.provider == "shipstation":
            hook.keys = read_keys(hook.keys_file)
    if len({client.name for client in found.clients}) < len(found.clients):
        raise UserError(f"Two clients in {path} have one name; give each its own.", 2)
    return found


def _secret(variable: str, file: str) -> bytes:
    if not variable and not file:
        return b""
    text = read_text(Path(file), "secret file") if file else os.environ.get(variable, "")
    found = text.strip().encode()
    if len(found) < LEAST_SECRET:
        where = f"the file {file}" if file else f"the variable {variable}"
        raise UserError(f"The secret in {where} is missing, or has fewer than {LEAST_SECRET} characters.", 2)
    return found


def client_of(clients: Clients, headers: Mapping[str, str], body: bytes, now_s: float) -> Client | None:
    """Who sent a request: by bearer token, or by a signature over time and body. None: nobody we know."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    name = headers.get("X-Dueclock-Client", "")
    known: Client | None = None
    for client in clients.clients:  # all of them, so that the time taken says nothing
        if client.token:
            is_client = scheme.lower() == "bearer" and hmac.compare_digest(client.token, token.strip().encode())
        else:
            is_client = client.name == name and _is_signed(client.secret, headers, body, now_s)
        known = client if is_client else known
    return known


def signature_of(secret: bytes, timestamp: str, body: bytes) -> str:
    """What a client writes into `X-Dueclock-Signature`, after `sha256=`."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _is_signed(secret: bytes, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    timestamp = headers.get("X-Dueclock-Timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and abs(int(timestamp[:12]) - now_s) <= SKEW_S):
        return False
    given = headers.get("X-Dueclock-Signature", "").removeprefix("sha256=")
    return hmac.compare_digest(signature_of(secret, timestamp, body).encode(), given.encode())


def hook_of(
    clients: Clients, provider: str, path: str, headers: Mapping[str, str], body: bytes, now_s: float
) -> Hook | None:
    """The hook that a request came to, if it proves where it is from. None: nobody we know."""
    known: Hook | None = None
    for hook in clients.hooks:
        if hook.provider == provider and hmac.compare_digest(hook.path, path.encode()):
            known = hook if _is_providers(hook, headers, body, now_s) else known
    return known


def _is_providers(hook: Hook, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    if hook.provider == "easypost":
        secret = unicodedata.normalize("NFKD", hook.secret.decode()).encode()
        wanted = f"hmac-sha256-hex={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
        return hmac.compare_digest(wanted.encode(), headers.get("X-Hmac-Signature", "").encode())
    if hook.provider == "aftership":
        digest = hmac.new(hook.secret, body, hashlib.sha256).digest()
        return hmac.compare_digest(base64.b64encode(digest), headers.get("aftership-hmac-sha256", "").encode())
    if hook.provider == "shipstation":
        return is_shipstations(hook.keys, headers, body, now_s)
    return True  # the path is the secret
