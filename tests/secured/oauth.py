"""A small authorization server: tokens for client credentials (RFC 6749, 4.4), and its keys as a JWKS (RFC 7517).

Kafka's own validator reads the keys and judges the tokens; this server only signs them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

AUDIENCE = "kafka"


def _words(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _words(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class OAuthServer:
    """One client for each user; `given` counts the tokens."""

    def __init__(self) -> None:
        self.clients: dict[str, str] = {}
        self.lives_s = 600
        self.given = 0
        self.base = ""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def client(self, user: str) -> str:
        """A new secret for this user's client; the one before is good no more."""
        self.clients[user] = secrets.token_urlsafe(24)
        return self.clients[user]

    def token(self, user: str, *, lives_s: float | None = None) -> str:
        """A signed token that says who this is."""
        now = int(time.time())
        claims = {
            "sub": user,
            "iss": self.base,
            "aud": AUDIENCE,
            "scope": "kafka",
            "iat": now,
            "exp": now + int(self.lives_s if lives_s is None else lives_s),
        }
        parts = [_words(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)]
        signature = self._key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, _words(signature)])

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        user = str(form.get("client_id"))
        if form.get("grant_type") != "client_credentials" or form.get("client_secret") != self.clients.get(user, ""):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given += 1
        return web.json_response({"access_token": self.token(user), "token_type": "Bearer", "expires_in": self.lives_s})

    async def _keys(self, request: web.Request) -> web.Response:
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}
        return web.json_response({"keys": [key]})

    async def serve(self, is_serving: threading.Event, until: asyncio.Event) -> None:
        app = web.Application()
        app.add_routes([web.post("/token", self._token), web.get("/keys", self._keys)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.base = f"http://127.0.0.1:{port}"
        is_serving.set()
        await until.wait()
        await runner.cleanup()


@contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    """It serves as long as the `with` lasts."""
    server, is_serving = OAuthServer(), threading.Event()
    loop, until = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve(is_serving, until)))
    thread.start()
    try:
        assert is_serving.wait(20), "the authorization server did not come up within 20 s"
        yield server
    finally:
        loop.call_soon_threadsafe(until.set)
        thread.join(20)
        loop.close()
