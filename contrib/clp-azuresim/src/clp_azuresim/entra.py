"""Entra ID: applications of one tenant sign in with assertions that their certificates prove."""

import base64
import datetime as dt
import urllib.parse
import uuid
from typing import Any

import attrs
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from clp_azuresim.exchange import Refused, Reply, Request
from clp_azuresim.roles import Role
from clp_azuresim.tokens import SIGNATURE_ONLY, Tokens, is_audience

_SIGNATURES = ["RS256", "PS256"]
_CLAIMS = ("aud", "exp", "iss", "jti", "sub")
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@attrs.define(kw_only=True)
class Application:
    """An application as the directory holds it."""

    name: str
    id: str
    certificates: list[x509.Certificate] = attrs.field(factory=list)
    roles: list[Role] = attrs.field(factory=list)

    def may(self, action: str, scope: str) -> bool:
        return any(role.allows(action, scope) for role in self.roles)


class Directory:
    """One tenant: who may sign in, and the tokens they get."""

    def __init__(self, tokens: Tokens, applications: list[Application]) -> None:
        self.tokens = tokens
        self.applications = applications

    def named(self, name: str) -> Application:
        """Give an application by its name in the world; KeyError lists those that there are."""
        for application in self.applications:
            if application.name == name:
                return application
        names = ", ".join(each.name for each in self.applications)
        raise KeyError(f"no application {name!r}: there are {names}")

    def by_id(self, number: str) -> Application | None:
        found = (each for each in self.applications if each.id.lower() == number.lower())
        return next(found, None)

    def answer(self, request: Request) -> tuple[Reply, str]:
        """Answer a request to the authority; gives the application's name too, "" if unknown."""
        tenant, _, what = request.path.strip("/").partition("/")
        if what == "v2.0/.well-known/openid-configuration" and request.method == "GET":
            self._must_be_ours(tenant)
            return Reply(body=_metadata(request.base, tenant)), ""
        if what == "oauth2/v2.0/token" and request.method == "POST":
            form = _form(request)
            self._must_be_ours(tenant)
            application = self._application(form)
            return self._sign_in(request, form, application), application.name
        return Reply(status=404), ""

    def _must_be_ours(self, tenant: str) -> None:
        if tenant.lower() != self.tokens.tenant.lower():
            raise _refusal(
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID"
                " and are signing into the correct cloud. Check with your subscription"
                " administrator, this may happen if there are no active subscriptions for the"
                " tenant.",
                status=400,
                word="invalid_request",
            )

    def _application(self, form: dict[str, str]) -> Application:
        if form.get("grant_type") != "client_credentials":
            text = f"The app requested an unsupported grant type '{form.get('grant_type', '')}'."
            raise _refusal(70003, text, status=400, word="unsupported_grant_type")
        number = form.get("client_id", "")
        application = self.by_id(number)
        if application is None:
            raise _refusal(
                700016,
                f"Application with identifier '{number}' was not found in the directory"
                f" '{self.tokens.tenant}'. This can happen if the application has not been"
                " installed by the administrator of the tenant or consented to by any user in the"
                " tenant. You may have sent your authentication request to the wrong tenant.",
                status=400,
                word="unauthorized_client",
            )
        return application

    def _sign_in(self, request: Request, form: dict[str, str], application: Application) -> Reply:
        assertion = form.get("client_assertion", "")
        if not assertion or form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise _refusal(
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or"
                " 'client_secret'.",
            )
        certificate = _certificate(assertion, application)
        claims = _claims(assertion, certificate)
        self._must_be_timely(claims, certificate)
        _must_be_about(claims, application, f"{request.base}/{self.tokens.tenant}")
        return self._grant(application, _audience(form.get("scope", ""), request.base))

    def _must_be_timely(self, claims: dict[str, Any], certificate: x509.Certificate) -> None:
        now = dt.datetime.fromtimestamp(self.tokens.now(), dt.UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            span = (
                f"Start={_spelled(certificate.not_valid_before_utc)},"
                f" End={_spelled(certificate.not_valid_after_utc)}"
            )
            raise _unproven(f"The key used is expired., Found key '{span}'", certificate)
        # The synchronous client of Azure writes iat alone, the other one nbf as well.
        began = claims.get("nbf", claims.get("iat", 0))
        since, until = (
            dt.datetime.fromtimestamp(int(each), dt.UTC) for each in (began, claims["exp"])
        )
        leeway = dt.timedelta(minutes=5)
        if not since - leeway <= now <= until + leeway:
            raise _refusal(
                700024,
                "Client assertion is not within its valid time range. Current time:"
                f" {now.isoformat()}, assertion valid from {since.isoformat()}, expiry time of"
                f" assertion {until.isoformat()}. Review the documentation at"
                " https://aka.ms/msal-client-assertion-times .",
            )

    def _grant(self, application: Application, audience: str) -> Reply:
        body = {
            "token_type": "Bearer",
            "expires_in": self.tokens.lifetime,
            "ext_expires_in": self.tokens.lifetime,
            "access_token": self.tokens.issue(application.id, audience),
        }
        return Reply(body=body, headers={"Cache-Control": "no-store, no-cache"})


def _form(request: Request) -> dict[str, str]:
    text = request.body.decode(errors="replace")
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


def _certificate(assertion: str, application: Application) -> x509.Certificate:
    """Give the registered certificate that an assertion says it was signed with."""
    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.PyJWTError:
        text = "JWT token is invalid or malformed."
        raise _refusal(50027, text, status=400, word="invalid_request") from None
    named = {"x5t": hashes.SHA1(), "x5t#S256": hashes.SHA256()}  # noqa: S303 - what MSAL sends
    for name, algorithm in named.items():
        wanted = str(header.get(name, "")).rstrip("=")
        for certificate in application.certificates:
            if wanted and wanted == _thumbprint(certificate, algorithm):
                return certificate
    raise _unproven("The key was not found.", None)


def _claims(assertion: str, certificate: x509.Certificate) -> dict[str, Any]:
    """Verify the signature; what the claims say is judged by the caller."""
    try:
        return jwt.decode(
            assertion,
            certificate.public_key(),  # type: ignore[arg-type]  # only RSA is registered
            algorithms=_SIGNATURES,
            options={"require": list(_CLAIMS), **SIGNATURE_ONLY},
        )
    except jwt.MissingRequiredClaimError as problem:
        text = f"JWT token is invalid or malformed. [{problem}]"
        raise _refusal(50027, text, status=400, word="invalid_request") from None
    except jwt.PyJWTError:
        raise _unproven("The key used did not make this signature.", certificate) from None


def _must_be_about(claims: dict[str, Any], application: Application, authority: str) -> None:
    for name in ("iss", "sub"):
        if claims[name] != application.id:
            text = "Client assertion application identifier doesn't match 'client_id' parameter."
            raise _refusal(700021, text)
    named = str(claims["aud"]).replace(":443/", "/")
    if named not in {f"{authority}/oauth2/v2.0/token", f"{authority}/v2.0"}:
        text = "Client assertion audience claim does not match Realm issuer."
        raise _refusal(700023, text)


def _audience(scope: str, base: str) -> str:
    """Give the resource that a scope asks a token for."""
    if not scope.endswith("/.default") or " " in scope:
        raise _refusal(
            1002012,
            f"The provided value for scope {scope} is not valid. Client credential flows must have"
            " a scope value with /.default suffixed to the resource identifier (application ID"
            " URI).",
            status=400,
            word="invalid_scope",
        )
    audience = scope.removesuffix("/.default")
    if not is_audience(audience, base):
        text = f"The resource principal named {audience} was not found in the tenant."
        raise _refusal(500011, text, status=400, word="invalid_resource")
    return audience


def _metadata(base: str, tenant: str) -> dict[str, object]:
    authority = f"{base}/{tenant}"
    return {
        "token_endpoint": f"{authority}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": f"{authority}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": f"{authority}/v2.0",
        "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
        "tenant_region_scope": "AS",
    }


def _unproven(reason: str, certificate: x509.Certificate | None) -> Refused:
    """Refuse an assertion; the thumbprint is public, as are the times of a certificate."""
    thumb = certificate.fingerprint(hashes.SHA1()).hex().upper() if certificate else ""  # noqa: S303
    told = f", Thumbprint of key used by client: '{thumb}'" if thumb else ""
    if certificate is None:
        text = (
            "The certificate with identifier used to sign the client assertion is not registered"
            f" on application. [Reason - {reason}]"
        )
    else:
        text = f"Client assertion failed signature validation. [Reason - {reason}{told}]"
    return _refusal(700027, text)


def _refusal(code: int, text: str, *, status: int = 401, word: str = "invalid_client") -> Refused:
    trace = str(uuid.uuid4())
    now = dt.datetime.now(dt.UTC)
    body = {
        "error": word,
        "error_description": (
            f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {trace}"
            f" Timestamp: {_spelled(now)}"
        ),
        "error_codes": [code],
        "timestamp": _spelled(now),
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return Refused(Reply(status=status, body=body))


def _thumbprint(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> str:
    return base64.urlsafe_b64encode(certificate.fingerprint(algorithm)).rstrip(b"=").decode()


def _spelled(when: dt.datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%SZ")
