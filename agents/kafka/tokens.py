"""Tokens for OAUTHBEARER: from an endpoint by client credentials, a file, a command that prints one, or AWS' signer.

A token is fetched anew for each connection: Kafka closes connections whose token has run out, and the next one shows a
new token. Of an endpoint that was asked a moment ago the last token is taken, while it is good for a minute more. What
goes wrong is a `NoTokenError`: a sentence without the token, the secret, or what the other side wrote.
"""

import asyncio
import importlib
import json
import shlex
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from aiokafka import conn
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from agents.errors import UserError
from agents.files import read_text
from agents.settings import Settings

_WITHIN_S = 20.0
_SPARE_S = 60.0


class NoTokenError(KafkaError):  # type: ignore[misc] # aiokafka has no types
    """There is no token to show; the sentence says why and what to do."""


class TokenFile(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """A file that somebody keeps fresh."""

    def __init__(self, file: str) -> None:
        self._file = file

    async def token(self) -> str:
        """The token as the file has it now."""
        try:
            return _whole(read_text(Path(self._file), "token file"), f"The token file {self._file}")
        except UserError as error:
            raise NoTokenError(error.sentence) from None


class TokenCommand(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """A command that prints a token."""

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)

    async def token(self) -> str:
        """What the command prints now."""
        name = self._words[0]
        try:
            child = await asyncio.create_subprocess_exec(
                *self._words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise NoTokenError(
                f"The command {name} of `sasl_oauthbearer_token_command` cannot be run ({error.strerror}); correct it."
            ) from None
        try:
            printed, _ = await asyncio.wait_for(child.communicate(), _WITHIN_S)
        except TimeoutError:
            child.kill()
            await child.wait()
            raise NoTokenError(f"The command {name} printed no token within {_WITHIN_S:.0f} s; look at it.") from None
        if child.returncode:
            raise NoTokenError(f"The command {name} for a token ended with {child.returncode}; run it by hand.")
        return _whole(printed.decode("ascii", "replace"), f"What the command {name} printed")


class TokenEndpoint(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """An authorization server that gives a token for client credentials (RFC 6749, 4.4)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = ""
        self._good_until_s = 0.0

    async def token(self) -> str:
        """The last token while it is good, else a new one."""
        if time.monotonic() >= self._good_until_s:
            self._token, lives_s = await asyncio.to_thread(self._ask)
            self._good_until_s = time.monotonic() + lives_s - _SPARE_S
        return self._token

    def _ask(self) -> tuple[str, float]:
        settings = self._settings
        url = settings.sasl_oauthbearer_token_endpoint_url
        secret = settings.sasl_oauthbearer_client_secret
        if file := settings.sasl_oauthbearer_client_secret_file:
            try:
                secret = read_text(Path(file), "client secret file").strip("\r\n")
            except UserError as error:
                raise NoTokenError(error.sentence) from None
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.sasl_oauthbearer_client_id,
            "client_secret": secret,
        }
        if settings.sasl_oauthbearer_scope:
            form["scope"] = settings.sasl_oauthbearer_scope
        request = urllib.request.Request(  # noqa: S310 - the settings let http pass to this machine only
            url, urllib.parse.urlencode(form).encode(), {"Accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310 - as above
                document = json.loads(answer.read(1_000_000))
            return _whole(document["access_token"], f"The answer of {url}"), float(document.get("expires_in", 0))
        except urllib.error.HTTPError as error:
            raise NoTokenError(
                f"{url} gave no token (HTTP {error.code}); check `sasl_oauthbearer_client_id`, its secret and scope."
            ) from None
        except OSError as error:
            why = getattr(error, "reason", error)
            raise NoTokenError(f"{url} does not answer ({why}); check `sasl_oauthbearer_token_endpoint_url`.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NoTokenError(f"{url} answered without an access token; check the URL.") from None


class MskToken(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """What MSK takes for IAM: a request that AWS' library signs with the credentials that it finds (extra `msk`)."""

    def __init__(self, region: str) -> None:
        self._region = region
        try:
            self._signer = importlib.import_module("aws_msk_iam_sasl_signer.MSKAuthTokenProvider")
        except ImportError:
            raise UserError(
                "`sasl_mechanism` AWS_MSK_IAM needs AWS' library for signing; install `dueclock[msk]`.",
                2,
            ) from None

    async def token(self) -> str:
        """A token that is good for a quarter of an hour."""
        return await asyncio.to_thread(self._signed)

    def _signed(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError  # only here: it comes with the extra

        try:
            token, _ = self._signer.generate_auth_token(self._region)
        except (AttributeError, ValueError):  # its words for no credentials at all
            raise NoTokenError(
                "There are no AWS credentials here; give some as for AWS' own tools (a role of the machine or pod, a "
                "profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise NoTokenError(
                f"The AWS credentials cannot be used ({type(error).__name__}); check role, profile and region."
            ) from None
        return str(token)


class _Dialogue(conn.OAuthAuthenticator):  # type: ignore[misc] # aiokafka has no types
    """Aiokafka's own takes a refusal for a success. What a broker says to a bad token has to be answered with one
    separator (RFC 7628, 3.2.3); only then it says that the login has failed.
    """

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """What to send next; None at the end."""
        if self._token_sent and payload:
            return b"\x01", True
        answer: tuple[bytes, bool] | None = await super().step(payload)
        return answer


conn.OAuthAuthenticator = _Dialogue


def token_provider(settings: Settings) -> AbstractTokenProvider | None:
    """Where the tokens of these settings come from; None where they want none. UserError where a library is missing."""
    if settings.sasl_mechanism == "AWS_MSK_IAM":
        return MskToken(settings.aws_region)
    if settings.sasl_mechanism != "OAUTHBEARER":
        return None
    if settings.sasl_oauthbearer_token_file:
        return TokenFile(settings.sasl_oauthbearer_token_file)
    if settings.sasl_oauthbearer_token_command:
        return TokenCommand(settings.sasl_oauthbearer_token_command)
    return TokenEndpoint(settings)


def _whole(text: str, where: str) -> str:
    token = text.strip()
    if not token or any(character.isspace() or not character.isascii() for character in token):
        raise NoTokenError(f"{where} is no token (one word of ASCII); look at it.")
    return token
