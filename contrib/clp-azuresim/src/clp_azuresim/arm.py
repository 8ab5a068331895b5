"""Azure Resource Manager: who asks, may they, is it too often; then the provider that answers."""

import re
import uuid
from collections.abc import Iterable
from typing import Protocol

import attrs

from clp_azuresim import throttle
from clp_azuresim.entra import Application, Directory
from clp_azuresim.exchange import Refused, Reply, Request, Target, error
from clp_azuresim.throttle import Throttle, Use
from clp_azuresim.tokens import object_id

_PERMISSIONS = re.compile(r"(/.*|)/providers/Microsoft\.Authorization/permissions/?", re.IGNORECASE)
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


@attrs.frozen(kw_only=True)
class Call:
    """A request that was let through, with what it is about."""

    request: Request
    target: Target
    application: Application
    version: str


class Provider(Protocol):
    """Answers for some types of resources; types and actions are compared in lower case."""

    kinds: frozenset[str]
    versions: frozenset[str]

    def action(self, method: str, target: Target) -> str | None:
        """Give what a role must allow for this; None: anybody who has signed in may."""

    async def answer(self, call: Call) -> Reply:
        """Do it; Refused says why not."""


class Arm:
    """The gateway in front of all providers."""

    def __init__(
        self,
        *,
        subscription: str,
        location: str,
        directory: Directory,
        limits: Throttle,
        groups: set[str],
        providers: Iterable[Provider],
    ) -> None:
        self._subscription, self._location = subscription, location
        self._directory, self.limits, self._groups = directory, limits, groups
        self._providers = {kind: each for each in providers for kind in each.kinds}

    async def answer(self, request: Request) -> tuple[Reply, str]:
        """Answer one request; gives the application's name too, "" while it is unknown."""
        who = ""
        try:
            application = self._application(request)
            who = application.name
            reply = await self._let_through(request, application)
        except Refused as refused:
            reply = refused.reply
        number = str(uuid.uuid4())
        told = {"x-ms-request-id": number, "x-ms-correlation-request-id": number}
        return attrs.evolve(reply, headers={**told, **reply.headers}), who

    def _application(self, request: Request) -> Application:
        number = self._directory.tokens.application(
            request.headers.get("authorization", ""), request.base
        )
        application = self._directory.by_id(number)
        if application is None:  # taken out of the directory since the token was issued
            text = f"The principal of application '{number}' was not found."
            raise Refused(error(401, "InvalidAuthenticationToken", text))
        return application

    async def _let_through(self, request: Request, application: Application) -> Reply:
        if scope := _PERMISSIONS.fullmatch(request.path):
            _version(request)
            return self._permissions(scope[1] or "/", application)
        target = self._target(request)
        provider = self._providers.get(target.kind)
        version = self._supported(request, target, provider)
        if provider is None:
            raise Refused(_no_type(target))
        call = Call(request=request, target=target, application=application, version=version)
        action = provider.action(request.method, target)
        if action is not None:
            self._must_be_allowed(action, target.of, application)
        left = self._take_token(request.method, application)
        self._must_know_group(target)
        reply = await provider.answer(call)
        use = Use.of(request.method)
        name = f"x-ms-ratelimit-remaining-subscription-{use.value}"
        return attrs.evolve(reply, headers={name: str(int(left)), **reply.headers})

    def _permissions(self, scope: str, application: Application) -> Reply:
        """Tell what the caller may do at a scope, one entry a role."""
        self._must_be_allowed("Microsoft.Authorization/permissions/read", scope, application)
        reaching = (role for role in application.roles if role.reaches(scope))
        told = [
            {
                "actions": list(role.actions),
                "notActions": list(role.not_actions),
                "dataActions": [],
                "notDataActions": [],
            }
            for role in reaching
        ]
        return Reply(body={"value": told})

    def _target(self, request: Request) -> Target:
        target = Target.parse(request.path)
        if target is None or not target.types:
            text = f"The request path '{request.path}' is not supported by this rehearsal."
            raise Refused(error(404, "InvalidResource", text))
        if target.subscription.lower() != self._subscription.lower():
            text = f"The subscription '{target.subscription}' could not be found."
            raise Refused(error(404, "SubscriptionNotFound", text))
        return target

    def _supported(self, request: Request, target: Target, provider: Provider | None) -> str:
        version = _version(request)
        if provider is not None and version not in provider.versions:
            raise Refused(self._unsupported(version, target, provider))
        return version

    def _unsupported(self, version: str, target: Target, provider: Provider) -> Reply:
        text = (
            f"No registered resource provider found for location '{self._location}' and API"
            f" version '{version}' for type '{target.types[0]}'. The supported api-versions are"
            f" '{', '.join(sorted(provider.versions))}'. The supported locations are"
            f" '{self._location}'."
        )
        return error(400, "NoRegisteredProviderFound", text)

    def _must_be_allowed(self, action: str, scope: str, application: Application) -> None:
        if not application.may(action, scope):
            text = (
                f"The client '{application.id}' with object id '{object_id(application.id)}' does"
                f" not have authorization to perform action '{action}' over scope '{scope}' or the"
                " scope is invalid. If access was recently granted, please refresh your"
                " credentials."
            )
            raise Refused(error(403, "AuthorizationFailed", text))

    def _take_token(self, method: str, application: Application) -> float:
        use = Use.of(method)
        left = self.limits.take(application.id, use)
        if left < 0:
            raise Refused(throttle.refusal(use, -left, self._subscription))
        return left

    def _must_know_group(self, target: Target) -> None:
        group = target.resource_group
        if group and group.lower() not in {each.lower() for each in self._groups}:
            text = f"Resource group '{group}' could not be found."
            raise Refused(error(404, "ResourceGroupNotFound", text))


def _version(request: Request) -> str:
    """Give the api-version; Refused when there is none, or it is no date."""
    version = request.query.get("api-version", "")
    if not version:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refused(error(400, "MissingApiVersionParameter", text))
    if not _VERSION.fullmatch(version):
        text = f"The api-version '{version}' is invalid. It is a date: '2024-11-01'."
        raise Refused(error(400, "InvalidApiVersionParameter", text))
    return version


def _no_type(target: Target) -> Reply:
    kind = target.types[0]
    text = f"The resource type '{kind}' could not be found in the namespace '{target.namespace}'."
    return error(404, "InvalidResourceType", text)
