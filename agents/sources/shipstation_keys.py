"""Whether a webhook is ShipStation's: RSA-SHA256 over `<timestamp>.<body>`, by the keys that ShipStation publishes.

Source: docs.shipstation.com, "Webhook Validation" (headers, five minutes); what is signed as several public programs
check it [T]. The keys are a JWKS document, fetched by a person from api.shipengine.com/jwks into a file: the gateway
calls nobody.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from agents.errors import UserError
from agents.files import read_text
from schemas.codec import parse_instant

SKEW_S: Final = 300
_NAME: Final = "X-ShipEngine-RSA-SHA256-"


def read_keys(path: str) -> dict[str, Any]:
    """The keys of a JWKS file by their ids. UserError (status 2) where there is none."""
    if not path:
        raise UserError(
            "The hook of shipstation needs keys_file: the public keys of https://api.shipengine.com/jwks in a file.", 2
        )
    try:
        document = json.loads(read_text(Path(path), "keys file"))
        return {
            str(key["kid"]): RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
            for key in document["keys"]
            if key.get("kty") == "RSA"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"The keys file {path} is no JWKS document with RSA keys; fetch it anew.", 2) from None


def is_shipstations(keys: Mapping[str, Any], headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether the three headers prove it, and it is young enough to be no repeat by somebody who listened."""
    key = keys.get(headers.get(f"{_NAME}Key-Id", ""))
    timestamp = headers.get("X-ShipEngine-Timestamp", "")
    at_s = _seconds(timestamp)
    if key is None or at_s is None or abs(at_s - now_s) > SKEW_S:
        return False
    try:
        signature = base64.b64decode(headers.get(f"{_NAME}Signature", ""), validate=True)
        key.verify(signature, timestamp.encode() + b"." + body, PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def _seconds(text: str) -> float | None:
    """An instant, or seconds since 1970."""
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return float(text)
    try:
        return parse_instant(text) / 1000
    except ValueError:
        return None


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
