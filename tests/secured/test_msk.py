"""MSK by IAM, as far as it goes without AWS: the token is what MSK's documentation describes, and signed as AWS signs.

What no test here can know: whether MSK takes it.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from agents.kafka.connection import Connection
from agents.kafka.tokens import NoTokenError
from agents.settings import Settings
from tests.cli.command import dueclock, sentence_of

KEY, SECRET, SESSION = "AKIAEXAMPLEEXAMPLE00", "canary-of-the-secret-key-0123456789abcdef", "canary-of-the-session"
REGION = "eu-central-1"
SIGNED = ("Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token")


@pytest.fixture(autouse=True)
def no_credentials_of_whoever_runs_this(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def settings() -> Settings:
    return Settings(security_protocol="SASL_SSL", sasl_mechanism="AWS_MSK_IAM", aws_region=REGION)


def token() -> str:
    connection = Connection(settings())
    assert connection.mechanism == "OAUTHBEARER"  # so MSK has it on the wire
    assert connection.tokens is not None
    return str(asyncio.run(connection.tokens.token()))


def write_credentials(file: Path, secret: str) -> None:
    file.write_text(
        f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\naws_session_token = {SESSION}\n"
    )


def url_of(said: str) -> tuple[str, dict[str, str]]:
    url = urlsplit(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode())
    assert (url.scheme, url.path) == ("https", "/")
    return url.netloc, {name: values[0] for name, values in parse_qs(url.query).items()}


def signature_by_hand(host: str, asked: dict[str, str], secret: str) -> str:
    """AWS Signature Version 4 of a query, from its documentation and from nothing of AWS' libraries."""
    named = [name for name in sorted(asked) if name in (*SIGNED, "X-Amz-SignedHeaders")]
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(asked[name], safe='-_.~')}" for name in named)
    nothing = hashlib.sha256(b"").hexdigest()
    request = "\n".join(["GET", "/", query, f"host:{host}\n", "host", nothing])
    date, region, service, last = asked["X-Amz-Credential"].split("/")[1:]
    scope = f"{date}/{region}/{service}/{last}"
    signed = "\n".join(["AWS4-HMAC-SHA256", asked["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, last):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()


def test_a_token_is_a_request_to_connect_signed_for_its_region_and_good_for_a_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    write_credentials(tmp_path / "credentials", SECRET)
    said = token()
    host, asked = url_of(said)
    assert host == f"kafka.{REGION}.amazonaws.com"
    assert asked["Action"] == "kafka-cluster:Connect"
    assert asked["X-Amz-Expires"] == "900"
    assert asked["X-Amz-Security-Token"] == SESSION
    assert asked["X-Amz-Credential"].split("/")[::2] == [KEY, REGION, "aws4_request"]
    assert asked["X-Amz-Credential"].split("/")[3] == "kafka-cluster"
    at = dt.datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    assert abs(dt.datetime.now(dt.UTC) - at) < dt.timedelta(minutes=1)
    assert asked["X-Amz-Signature"] == signature_by_hand(host, asked, SECRET)
    assert SECRET not in base64.urlsafe_b64decode(said + "==").decode()


def test_credentials_that_were_changed_sign_the_next_token(tmp_path: Path) -> None:
    for secret in (SECRET, SECRET[::-1]):
        write_credentials(tmp_path / "credentials", secret)
        host, asked = url_of(token())
        assert asked["X-Amz-Signature"] == signature_by_hand(host, asked, secret)


def test_without_credentials_the_sentence_says_which_to_give() -> None:
    with pytest.raises(NoTokenError) as caught:
        token()
    assert caught.value.args[0].startswith("There are no AWS credentials here; give some")


def test_iam_without_a_region_or_without_tls_is_refused(tmp_path: Path) -> None:
    for missing in ({"DUECLOCK_AWS_REGION": ""}, {"DUECLOCK_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}):
        chosen = {
            "DUECLOCK_SECURITY_PROTOCOL": "SASL_SSL",
            "DUECLOCK_SASL_MECHANISM": "AWS_MSK_IAM",
            "DUECLOCK_AWS_REGION": REGION,
            **missing,
        }
        ended = dueclock("clocks", folder=tmp_path, variables=chosen)
        assert "AWS_MSK_IAM needs `aws_region` and `security_protocol` SASL_SSL" in sentence_of(ended)
        assert ended.status == 2
