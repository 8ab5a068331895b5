"""Access tokens: issued by Entra and by IMDS, checked by ARM; each simulator has its own key."""

import secrets
import time
import uuid

import attrs
import jwt
from jwt.types import Options

from clp_azuresim.exchange import Refused, error

PUBLIC_AUDIENCE = "https://management.azure.com"
SIGNATURE_ONLY: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
"""What is left to whoever knows this cloud's clock and the words of its refusals."""
_ALGORITHM = "HS256"


@attrs.define
class Tokens:
    """Issues and checks tokens.

    Attributes:
        lifetime: seconds that a token of Entra lives; those of IMDS live a day.
        skew: seconds that the clock of this cloud is ahead of the machine's.
    """

    tenant: str
    lifetime: int = 3599
    skew: float = 0.0
    _key: str = attrs.field(init=False, repr=False, factory=lambda: secrets.token_hex(32))

    def now(self) -> float:
        return time.time() + self.skew

    def issue(self, application: str, audience: str, lifetime: int | None = None) -> str:
        now = int(self.now())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + (self.lifetime if lifetime is None else lifetime),
            "appid": application,
            "oid": object_id(application),
            "tid": self.tenant,
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, _ALGORITHM)

    def application(self, authorization: str, base: str) -> str:
        """Give the application that a request's Authorization speaks for; Refused with 401."""
        scheme, _, token = authorization.partition(" ")
        challenge = f'Bearer authorization_uri="{base}/{self.tenant}", error="invalid_token"'
        headers = {"WWW-Authenticate": challenge}
        if scheme.lower() != "bearer" or not token:
            text = "Authentication failed. The 'Authorization' header is missing."
            raise Refused(error(401, "AuthenticationFailed", text, headers=headers))
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options=SIGNATURE_ONLY,
            )
        except jwt.PyJWTError:
            text = "The access token is invalid."
            raise Refused(error(401, "InvalidAuthenticationToken", text, headers=headers)) from None
        if not is_audience(claims["aud"], base):
            text = (
                "The access token has been obtained for wrong audience or resource"
                f" '{claims['aud']}'. It should exactly match with one of the allowed audiences"
                f" '{base}','{PUBLIC_AUDIENCE}'."
            )
            code = "InvalidAuthenticationTokenAudience"
            raise Refused(error(401, code, text, headers=headers))
        if claims["exp"] <= self.now():
            text = "The access token expiry UTC time is earlier than current UTC time."
            raise Refused(error(401, "ExpiredAuthenticationToken", text, headers=headers))
        return str(claims["appid"])


def is_audience(audience: str, base: str) -> bool:
    """Tell whether a token for this audience is good for ARM at `base`, and may be issued."""
    return _plain(audience) in {_plain(base), PUBLIC_AUDIENCE}


def _plain(url: str) -> str:
    """Give an address as all of its spellings: the port of HTTPS may stand in it."""
    return str(url).rstrip("/").removesuffix(":443")


def object_id(application: str) -> str:
    """Give the object id of an application's principal: always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"principal:{application}"))
