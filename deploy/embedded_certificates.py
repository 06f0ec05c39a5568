"""A certificate authority of our own for the embedded Kafka, and what it signs. For this machine's loopback only.

Keys are P-256, in PEM, as Java and OpenSSL both read them. The CA's own key is thrown away once the broker's
certificate is signed: nobody can sign another, and a new folder gets a new CA.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = dt.timedelta(days=3650)
_BEFORE = dt.timedelta(hours=1)  # clocks differ


class Pem(NamedTuple):
    """A certificate and its key."""

    certificate: str
    key: str


class Authority:
    """A CA for as long as this object lives."""

    def __init__(self, name: str = "dueclock embedded Kafka CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        now = _now()
        builder = x509.CertificateBuilder(self._name, self._name, self._key.public_key(), x509.random_serial_number())
        self._certificate = (
            builder.not_valid_before(now - _BEFORE)
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(is_ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> str:
        """The CA's certificate, in PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self,
        name: str,
        hosts: Sequence[str],
        *,
        ends: dt.datetime | None = None,
        begins: dt.datetime | None = None,
    ) -> Pem:
        """A certificate for these names and addresses, good as server and as client."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = _now()
        builder = x509.CertificateBuilder(self._name, _named(name), key.public_key(), x509.random_serial_number())
        certificate = (
            builder.not_valid_before(begins or now - _BEFORE)
            .not_valid_after(ends or now + VALID)
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_ca=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Pem(
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
