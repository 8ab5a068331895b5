"""The certificate of a service principal: read, judged, and in the form that the SDK takes."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from clpcore import api
from clpcore_lib_azure.account import Account

WARNED: Final = 30  # days before its end in which a certificate is worth a warning
_LONGEST: Final = 1 << 20  # bytes; a certificate with its chain has some thousands
_NEW: Final = "Make a new one: docs/howto/azure-dns.md shows the command."
_SECRETS: Final = {"certificate_file": "private key", "certificate_password_file": "password"}
_HOW: Final = "It must hold the certificate and its private key, as PEM or PKCS#12."


@attrs.frozen(kw_only=True)
class Certificate:
    """A certificate that can sign in.

    Attributes:
        pem: key and certificate, not encrypted.
        not_before: seconds since 1970.
        not_after: seconds since 1970.
        thumbprint: as Azure's portal shows it.

    """

    pem: bytes = attrs.field(repr=False)
    not_before: int
    not_after: int
    thumbprint: str

    @property
    def ends(self) -> str:
        """Give the day on which it ends."""
        return _day(self.not_after)

    def days_left(self, now: float) -> int:
        """Give the whole days until its end; *now* in seconds since 1970."""
        return int((self.not_after - now) // 86_400)


def read(account: Account) -> Certificate:
    """Read the account's certificate.

    Raises:
        Misconfigured: it cannot sign in, whoever is asked: not there, no key, not RSA, ...

    """
    path = account.certificate_file
    data = _content(path, "certificate_file")
    key, found = _load(path, data, _password(account))
    if key is None or found is None:
        what = "private key" if key is None else "certificate"
        raise api.Misconfigured(f"certificate_file {path} has no {what}. {_HOW}")
    if not isinstance(key, rsa.RSAPrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey").strip("_")
        raise api.Misconfigured(
            f"certificate_file {path} has a key of another kind than RSA ({kind}), with which"
            f" Azure lets nobody sign in. {_NEW}"
        )
    if key.public_key() != found.public_key():
        raise api.Misconfigured(
            f"certificate_file {path} has a private key that is not that of its first certificate."
            f" {_HOW}"
        )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Certificate(
        pem=pem + found.public_bytes(serialization.Encoding.PEM),
        not_before=int(found.not_valid_before_utc.timestamp()),
        not_after=int(found.not_valid_after_utc.timestamp()),
        thumbprint=found.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Azure's name for it
    )


def check_time(account: Account, certificate: Certificate, now: float) -> None:
    """See that it is valid at *now*, seconds since 1970: Azure would refuse it later and vaguer.

    Raises:
        Misconfigured: it has expired.
        Failed: it is not valid yet; perhaps this server's clock is wrong.

    """
    path = account.certificate_file
    if now >= certificate.not_after:
        raise api.Misconfigured(
            f"the certificate in certificate_file {path} has expired on {certificate.ends}. {_NEW}"
        )
    if now < certificate.not_before:
        raise api.Failed(
            f"the certificate in certificate_file {path} is valid from"
            f" {_day(certificate.not_before)} on, and this server's clock says {_day(now)}:"
            " look at the clock (timedatectl)"
        )


def problems(account: Account) -> Iterator[api.Problem]:
    """Give what this server's files have against signing in."""
    if account.ca_bundle and (wrong := _unreadable(account.ca_bundle)):
        what = f"ca_bundle {account.ca_bundle} {wrong}."
        yield api.Problem("ca_bundle", what, "Correct the path, or leave it out.")
    if not account.certificate_file:
        return
    now = dt.datetime.now(dt.UTC).timestamp()
    try:
        certificate = read(account)
        check_time(account, certificate, now)
    except api.DriverError as error:
        what, _, remedy = _capital(str(error)).partition(". ")
        yield api.Problem("certificate_file", what + ".", remedy)
        return
    left = certificate.days_left(now)
    if left < WARNED:
        what = f"The certificate in {account.certificate_file} ends on {certificate.ends}"
        what += f", in {left} days: nobody signs in with it after that."
        yield api.Problem("certificate_file", what, _NEW, risk=True)
    for key, holds in _SECRETS.items():
        path = getattr(account, key)
        if path and _open_to_others(path):
            what = f"{path} holds a {holds}, and others than root may read it."
            yield api.Problem(key, what, f"chmod 600 {path}", risk=True)


def stamp(account: Account) -> tuple[int, ...]:
    """Give what changes when one of the account's files is replaced; reads no content."""
    found: list[int] = []
    for path in (account.certificate_file, account.certificate_password_file, account.ca_bundle):
        try:
            seen = Path(path).stat() if path else None
        except OSError:
            seen = None
        found += (seen.st_ino, seen.st_mtime_ns, seen.st_size) if seen else (0, 0, 0)
    return tuple(found)


# -- parts


def _load(
    path: str, data: bytes, password: bytes | None
) -> tuple[PrivateKeyTypes | None, x509.Certificate | None]:
    try:
        if b"-----BEGIN" in data:
            return _pem(data, password)
        key, found, _ = pkcs12.load_key_and_certificates(data, password)
    except TypeError:  # cryptography's way to say: with a password, or without
        if password is None:
            text = "is encrypted, and there is no certificate_password_file. Name one, mode 0600."
        else:
            text = "is not encrypted. Leave certificate_password_file out."
        raise api.Misconfigured(f"certificate_file {path} {text}") from None
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        doubt = "" if password is None else ", or the password is wrong"
        raise api.Misconfigured(
            f"certificate_file {path} cannot be read as PEM or PKCS#12{doubt}. {_HOW}"
        ) from None
    return key, found


def _pem(
    data: bytes, password: bytes | None
) -> tuple[PrivateKeyTypes | None, x509.Certificate | None]:
    key = found = None
    if b"PRIVATE KEY-----" in data:
        key = serialization.load_pem_private_key(data, password)
    if b"-----BEGIN CERTIFICATE-----" in data:
        found = x509.load_pem_x509_certificate(data)
    return key, found


def _password(account: Account) -> bytes | None:
    path = account.certificate_password_file
    if not path:
        return None
    found = _content(path, "certificate_password_file").rstrip(b"\r\n")
    if b"\0" in found:  # as UTF-16 has it; OpenSSL would take no such password, and panic
        raise api.Misconfigured(
            f"certificate_password_file {path} is no plain text. Write the password alone, in UTF-8"
        )
    return found


def _content(path: str, key: str) -> bytes:
    if wrong := _unreadable(path):
        raise api.Misconfigured(f"{key} {path} {wrong}. Correct the path on this server.")
    with Path(path).open("rb") as file:
        return file.read(_LONGEST)


def _unreadable(path: str) -> str:
    try:
        if stat.S_ISFIFO(Path(path).stat().st_mode):
            return "is a pipe, which may have a reader wait for ever"
        with Path(path).open("rb") as file:
            return "" if file.read(1) else "is empty"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _open_to_others(path: str) -> bool:
    return bool(Path(path).stat().st_mode & 0o077)


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
