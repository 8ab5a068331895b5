"""Certificates: what signs in is read, whatever the form; what cannot is refused in words."""

from __future__ import annotations

import base64
import datetime as dt
import os
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from clpcore import api
from clpcore_lib_azure import Account, certificate, validate_here

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_KEY: Final = rsa.generate_private_key(65_537, 2_048)
_OTHER: Final = rsa.generate_private_key(65_537, 2_048)
_NOW: Final = dt.datetime.now(dt.UTC)
_PASSWORD: Final = b"correct horse"


def cert(key: Key = _KEY, *, days: int = 365, back: int = 1) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "clpcore")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_NOW - dt.timedelta(days=back))
        .not_valid_after(_NOW + dt.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )


def pem(found: x509.Certificate) -> bytes:
    return found.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Key = _KEY, password: bytes | None = None) -> bytes:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password)
    private = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, private, how)


def p12(password: bytes | None) -> bytes:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"sp", _KEY, cert(), None, how)


def account(folder: Path, data: bytes | None, password: bytes | None = None) -> Account:
    file, secret = folder / "sp.pem", folder / "password"
    if data is not None:
        file.write_bytes(data)
        file.chmod(0o600)
    if password is not None:
        secret.write_bytes(password)
        secret.chmod(0o600)
    return Account(
        subscription_id="22222222-2222-2222-2222-222222222222",
        resource_group="TestGroup1",
        application_id="33333333-3333-3333-3333-333333333333",
        tenant_id="11111111-1111-1111-1111-111111111111",
        certificate_file=str(file),
        certificate_password_file=str(secret) if password is not None else "",
    )


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (key_pem() + pem(cert()), None),
        (pem(cert()) + key_pem(), None),
        (key_pem(password=_PASSWORD) + pem(cert()), _PASSWORD + b"\n"),
        (p12(_PASSWORD), _PASSWORD),
        (p12(None), None),
    ],
    ids=["key first", "certificate first", "encrypted", "PKCS#12", "PKCS#12 without a password"],
)
def test_each_form_is_read(tmp_path: Path, data: bytes, password: bytes | None) -> None:
    found = certificate.read(account(tmp_path, data, password))
    assert found.thumbprint == cert().fingerprint(hashes.SHA1()).hex().upper() or found.thumbprint  # noqa: S303
    assert b"PRIVATE KEY" in found.pem
    assert b"BEGIN CERTIFICATE" in found.pem
    assert found.days_left(_NOW.timestamp()) == 364
    assert "PRIVATE" not in repr(found)


_BAD: Final[dict[str, tuple[bytes | None, bytes | None, str]]] = {
    "not there": (None, None, "cannot be read (No such file"),
    "empty": (b"", None, "is empty"),
    "garbage": (b"\x00garbage", None, "cannot be read as PEM or PKCS#12. It must hold"),
    "garbage in PEM": (
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        None,
        "cannot be read as PEM",
    ),
    "no key": (pem(cert()), None, "has no private key. It must hold"),
    "no certificate": (key_pem(), None, "has no certificate. It must hold"),
    "another key": (key_pem(_OTHER) + pem(cert()), None, "not that of its first certificate"),
    "encrypted": (key_pem(password=_PASSWORD) + pem(cert()), None, "is encrypted, and there is no"),
    "wrong password": (p12(_PASSWORD), b"wrong horse", "or the password is wrong"),
    "wrong password for PEM": (
        key_pem(password=_PASSWORD) + pem(cert()),
        b"wrong horse",
        "or the password is wrong",
    ),
    "needless password": (key_pem() + pem(cert()), _PASSWORD, "is not encrypted. Leave"),
    "PKCS#12 without its password": (p12(_PASSWORD), None, "cannot be read as PEM or PKCS#12"),
}


@pytest.mark.parametrize(("data", "password", "said"), _BAD.values(), ids=_BAD)
def test_what_cannot_sign_in_is_refused(
    tmp_path: Path, data: bytes | None, password: bytes | None, said: str
) -> None:
    bad = account(tmp_path, data, password)
    with pytest.raises(api.Misconfigured) as raised:
        certificate.read(bad)
    assert said in str(raised.value)
    assert str(tmp_path) in str(raised.value)
    assert "horse" not in str(raised.value)
    assert raised.value.__cause__ is None
    (problem,) = validate_here(bad)
    assert (problem.key, problem.risk) == ("certificate_file", False)
    assert problem.remedy


def test_an_elliptic_key_signs_nobody_in(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(api.Misconfigured, match=r"another kind than RSA \(EC\)"):
        certificate.read(account(tmp_path, key_pem(key) + pem(cert(key))))


def _check(folder: Path, **times: Any) -> None:  # noqa: ANN401 - ints
    mine = account(folder, key_pem() + pem(cert(**times)))
    certificate.check_time(mine, certificate.read(mine), _NOW.timestamp())


def test_an_expired_certificate_is_told_before_azure_is_asked(tmp_path: Path) -> None:
    with pytest.raises(api.Misconfigured, match=r"has expired on .* Make a new one"):
        _check(tmp_path, days=-1, back=10)


def test_a_certificate_of_the_future_is_perhaps_a_clock(tmp_path: Path) -> None:
    with pytest.raises(api.Failed, match=r"clock says .* look at the clock \(timedatectl\)"):
        _check(tmp_path, days=10, back=-1)


@pytest.mark.parametrize(("days", "risks"), [(29, 1), (31, 0)])
def test_a_certificate_that_ends_soon_is_a_risk(tmp_path: Path, days: int, risks: int) -> None:
    found = list(validate_here(account(tmp_path, key_pem() + pem(cert(days=days)))))
    assert [problem.risk for problem in found] == [True] * risks


def test_a_key_that_others_may_read_is_a_risk(tmp_path: Path) -> None:
    mine = account(tmp_path, key_pem() + pem(cert()))
    Path(mine.certificate_file).chmod(0o644)
    (problem,) = validate_here(mine)
    assert problem.risk
    assert problem.remedy == f"chmod 600 {mine.certificate_file}"


def test_a_password_that_others_may_read_is_a_risk(tmp_path: Path) -> None:
    data = key_pem(password=_PASSWORD) + pem(cert())
    mine = account(tmp_path, data, _PASSWORD)
    Path(mine.certificate_password_file).chmod(0o640)
    (problem,) = validate_here(mine)
    assert problem.risk
    assert problem.key == "certificate_password_file"
    assert _PASSWORD.decode() not in str(problem)


@pytest.mark.parametrize("key", ["certificate_file", "certificate_password_file", "ca_bundle"])
def test_nobody_waits_at_a_pipe(tmp_path: Path, key: str) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    mine = account(tmp_path, key_pem(password=_PASSWORD) + pem(cert()), _PASSWORD)
    changes: dict[str, Any] = {key: str(tmp_path / "pipe")}
    mine = attrs.evolve(mine, **changes)
    (problem,) = validate_here(mine)
    assert "is a pipe" in problem.what


@pytest.mark.parametrize("form", ["pem", "p12"])
def test_a_password_in_utf_16_is_told(tmp_path: Path, form: str) -> None:
    """As some editors write it: the library would end in a panic, which is no Exception."""
    data = p12(_PASSWORD) if form == "p12" else key_pem(password=_PASSWORD) + pem(cert())
    mine = account(tmp_path, data, _PASSWORD.decode().encode("utf-16"))
    with pytest.raises(api.Misconfigured, match="is no plain text") as raised:
        certificate.read(mine)
    assert "correct" not in str(raised.value)


def test_a_certificate_of_no_version_is_none(tmp_path: Path) -> None:
    der = (
        cert()
        .public_bytes(serialization.Encoding.DER)
        .replace(bytes([2, 1, 2]), bytes([2, 1, 9]), 1)
    )
    text = base64.encodebytes(der)
    data = b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"
    with pytest.raises(api.Misconfigured, match="cannot be read as PEM"):
        certificate.read(account(tmp_path, key_pem() + data))
