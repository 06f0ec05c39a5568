"""ShipStation's signature: a real key signs, and everything else is somebody else."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from agents.errors import UserError
from agents.sources.clients import Clients, Hook, hook_of
from agents.sources.shipstation_keys import read_keys

NOW_S = 1_795_800_000.0
BODY = b'{"resource_type": "TRACK_EVENT_V2"}'
PATH = "a-path-that-nobody-guesses"


def encoded(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def jwks(key: RSAPrivateKey, kid: str = "k1") -> str:
    numbers = key.public_key().public_numbers()
    said = {"kty": "RSA", "kid": kid, "e": encoded(numbers.e), "n": encoded(numbers.n)}
    return json.dumps({"keys": [{"kty": "EC", "kid": "other"}, said]})


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2_048)


def headers(key: RSAPrivateKey, at_s: float = NOW_S, body: bytes = BODY, *, in_seconds: bool = False) -> dict[str, str]:
    timestamp = str(int(at_s)) if in_seconds else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = key.sign(timestamp.encode() + b"." + body, PKCS1v15(), SHA256())
    return {
        "X-ShipEngine-RSA-SHA256-Key-Id": "k1",
        "X-ShipEngine-RSA-SHA256-Signature": base64.b64encode(signed).decode(),
        "X-ShipEngine-Timestamp": timestamp,
    }


def is_known(key: RSAPrivateKey, folder: Path, said: dict[str, str], body: bytes = BODY, path: str = PATH) -> bool:
    (folder / "jwks.json").write_text(jwks(key))
    hook = Hook("shipstation", ["a/b"], path=PATH.encode(), keys=read_keys(str(folder / "jwks.json")))
    return hook_of(Clients(hooks=[hook]), "shipstation", path, said, body, NOW_S) is hook


def test_what_shipstation_signed_is_known(key: RSAPrivateKey, tmp_path: Path) -> None:
    assert is_known(key, tmp_path, headers(key))
    assert is_known(key, tmp_path, headers(key, NOW_S - 299, in_seconds=True))


def test_all_else_is_somebody_else(key: RSAPrivateKey, tmp_path: Path) -> None:
    good = headers(key)
    assert not is_known(key, tmp_path, {})
    assert not is_known(key, tmp_path, good, body=BODY + b" ")
    assert not is_known(key, tmp_path, good, path="another")
    assert not is_known(key, tmp_path, headers(generate_private_key(65_537, 2_048)))
    for at_s in (NOW_S - 301, NOW_S + 301):
        assert not is_known(key, tmp_path, headers(key, at_s))
    for name, text in (
        ("X-ShipEngine-RSA-SHA256-Key-Id", "k2"),
        ("X-ShipEngine-RSA-SHA256-Signature", "%%%"),
        ("X-ShipEngine-RSA-SHA256-Signature", "AAAA"),
        ("X-ShipEngine-Timestamp", "yesterday"),
        ("X-ShipEngine-Timestamp", "2026-11-27T00:00:00Z"),
    ):
        assert not is_known(key, tmp_path, {**good, name: text})


@pytest.mark.parametrize("text", ["{", "{}", '{"keys": [{"kty": "RSA"}]}', '{"keys": 5}', "[]", '{"keys": ["x"]}'])
def test_a_file_that_holds_no_keys_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(text)
    with pytest.raises(UserError, match="is no JWKS document") as caught:
        read_keys(str(tmp_path / "jwks.json"))
    assert caught.value.exit_code == 2
    with pytest.raises(UserError, match="needs keys_file"):
        read_keys("")
