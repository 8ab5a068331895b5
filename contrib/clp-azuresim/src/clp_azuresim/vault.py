"""The folder with a rehearsal's certificates: made when missing, used again when there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509

from clp_azuresim import pki
from clp_azuresim.pki import Authority, SigningKey
from clp_azuresim.plan import ApplicationPlan

SORTS: Final = ("good", "expired", "early", "unregistered", "elliptic")
"""What a certificate of an application can be."""
UNTIMELY: Final = ("expired", "early")


@attrs.frozen
class Vault:
    """One folder; private keys in it are readable by their owner alone."""

    folder: Path

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def prepare(self, applications: Iterable[ApplicationPlan]) -> None:
        """Make what is missing, so that a cluster can be given it before the simulator runs."""
        self._authority()
        for each in applications:
            self.application_file(each.name)

    def server_file(self, hosts: tuple[str, ...]) -> Path:
        """Write the PEM of the TLS server anew, and the authority when there is none."""
        path = self.folder / "server.pem"
        pki.write_secret(path, self._authority().server(hosts))
        return path

    def _authority(self) -> Authority:
        key_file = self.folder / "ca.key"
        if key_file.exists():
            return Authority.load(self.ca_file.read_bytes(), key_file.read_bytes())
        made = Authority.make()
        pki.write_secret(key_file, made.key_pem)
        self.ca_file.write_bytes(made.pem)
        return made

    def application_file(self, name: str, sort: str = "good") -> Path:
        """Give the PEM with which an application signs in, made when it is not there.

        The sort is one of SORTS; all but the elliptic one have the same key.
        """
        if sort not in SORTS:
            raise ValueError(f"no certificate is {sort!r}: there are {', '.join(SORTS)}")
        path = self.folder / (f"{name}.pem" if sort == "good" else f"{name}.{sort}.pem")
        if not path.exists():
            key = self._key(name, sort)
            pki.write_secret(path, key.pem(_make(key, sort)))
        return path

    def _key(self, name: str, sort: str) -> SigningKey:
        if sort == "elliptic":
            return SigningKey.make_elliptic()
        if sort == "good":
            return SigningKey.make()
        return SigningKey.load(self.application_file(name).read_bytes())


def _make(key: SigningKey, sort: str) -> x509.Certificate:
    now = pki.now()
    match sort:
        case "expired":
            return key.certificate(since=now - 10 * pki.DAY, until=now - pki.DAY)
        case "early":
            return key.certificate(since=now + pki.DAY, until=now + 10 * pki.DAY)
        case _:
            return key.certificate()


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)
