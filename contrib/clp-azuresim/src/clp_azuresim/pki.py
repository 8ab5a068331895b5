"""Certificates of a rehearsal: an authority, a TLS server, and applications that sign in.

All of it is made here and worth nothing elsewhere. Applications hold RSA keys of 2048 bits in one
PEM with their certificate, the shape that `az ad sp create-for-rbac --create-cert` writes.
"""

import datetime as dt
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = dt.timedelta(days=1)
_LIFE = 365 * DAY
_PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@attrs.frozen
class Authority:
    """A certificate authority; its key stays in memory."""

    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)

    @classmethod
    def make(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("clp-azuresim CA")
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (usage, True),
        ]
        builder = _builder(name, name, key.public_key(), now() - DAY, now() + _LIFE, extensions)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> "Authority":
        loaded = serialization.load_pem_private_key(key, None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key was not made by clp-azuresim: remove its folder")
        return cls(x509.load_pem_x509_certificate(certificate), loaded)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return _pem(self._key)

    def server(self, hosts: Iterable[str]) -> bytes:
        """Give key and certificate of a TLS server with these names and addresses, as one PEM.

        Authority and subject key ids are in it: Python 3.13 and later refuse chains without.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        ours = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.SubjectAlternativeName([_alternative(host) for host in hosts]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (issuer, False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        ]
        name, since = _name("clp-azuresim"), now() - DAY
        subject = self.certificate.subject
        builder = _builder(name, subject, key.public_key(), since, since + _LIFE, extensions)
        return _pem(key) + builder.sign(self._key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        )


@attrs.frozen
class SigningKey:
    """An application's key, for which any number of certificates can be made."""

    _key: _PrivateKey = attrs.field(repr=False)

    @classmethod
    def make(cls) -> "SigningKey":
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def load(cls, pem: bytes) -> "SigningKey":
        """Take the key out of a PEM that `pem` made."""
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("only an RSA key signs in to Azure")
        return cls(key)

    @classmethod
    def make_elliptic(cls) -> "SigningKey":
        """Make one that Azure's clients refuse: only RSA signs in."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def certificate(
        self, *, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> x509.Certificate:
        """Make a certificate, valid from yesterday for a year unless told otherwise."""
        name = _name("clp-azuresim application")
        since = since or now() - DAY
        builder = _builder(name, name, self._key.public_key(), since, until or since + _LIFE, [])
        return builder.sign(self._key, hashes.SHA256())

    def pem(self, certificate: x509.Certificate) -> bytes:
        """Give key and certificate as one PEM."""
        return _pem(self._key) + certificate.public_bytes(serialization.Encoding.PEM)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, from its first moment on."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: _PublicKey,
    since: dt.datetime,
    until: dt.datetime,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: _PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
