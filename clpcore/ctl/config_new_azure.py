"""The answers of `clp config new` about Azure: the name, the forced stop, and who asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from clpcore.config.wanted import Account, Shape
    from clpcore.ctl.parsing import Parser
    from clpcore.ctl.questions import Questions

_CERTIFICATE: Final = "/etc/clpcore/azure.pem"
_NAME: Final = ("zone", "record_set")
_PRINCIPAL: Final = ("tenant", "certificate")
_ACCOUNT: Final = ("subscription", "resource_group", "application", *_PRINCIPAL)
_STOP: Final = "Shall Azure cut the power of a silent server before another takes over (yes, no)"
_WHO: Final = (
    "Application id of the service principal that asks Azure; empty: the machines' own identities"
)


def arguments(parser: Parser) -> None:
    """Add its flags."""
    add = parser.add_argument
    add("--zone", help="the zone of Azure DNS; with dns, where it must be given")
    add("--record-set", metavar="NAME", help="the name in the zone; with dns, as the zone")
    help_ = "of the zone and the machines; with a load balancer: write a forced stop, too"
    add("--subscription", metavar="ID", help=help_)
    add("--resource-group", metavar="NAME", help="of the zone and the machines")
    help_ = "the service principal that asks Azure; default: the machines' own identities"
    add("--application", metavar="ID", help=help_)
    add("--tenant", metavar="ID", help="of that service principal")
    add("--certificate", metavar="FILE", help=f"its file on each server; default: {_CERTIFICATE}")
    help_ = "write no forced stop; with a load balancer none is written without --subscription"
    add("--no-forced-stop", action="store_true", help=help_)


def answers(args: Namespace, shape: Shape, questions: Questions) -> dict[str, Any]:
    """Give them as `Wanted` calls them."""
    from clpcore.config.wanted import Shape

    found: dict[str, Any] = {"forced_stop": _stops(args, shape, questions)}
    if shape is Shape.DNS:
        zone = "Zone in Azure DNS (cluster1.zone)"
        found["zone"] = args.zone or questions.ask("--zone", zone, _needed)
        name = "Name in the zone that clients ask for (test-record1)"
        found["record_set"] = args.record_set or questions.ask("--record-set", name, _needed)
    if found["forced_stop"] or shape is Shape.DNS:
        found["account"] = _account(args, questions)
    return found


def wrong(args: Namespace, shape: Shape, found: Mapping[str, Any]) -> tuple[str, str]:
    """Give the first flag that is wrong, or would be ignored, and why; both empty if none is."""
    from clpcore.config.wanted import wrong_id

    for key in ("subscription", "application"):
        if getattr(args, key) and (why := wrong_id(getattr(args, key))):
            return _flag(key), why
    ignored = {
        f"with --kind {shape.value} no name in a zone leads to the group": (
            () if "zone" in found else _NAME
        ),
        "this cluster asks Azure for nothing; a forced stop begins with --subscription": (
            () if "account" in found else _ACCOUNT
        ),
        "it belongs to a service principal: add --application": (
            () if args.application else _PRINCIPAL
        ),
    }
    for why, keys in ignored.items():
        for key in keys:
            if getattr(args, key):
                return _flag(key), why
    return "", ""


def _stops(args: Namespace, shape: Shape, questions: Questions) -> bool:
    """Tell whether the forced stop is wanted; who was asked for the kind is asked for it, too."""
    from clpcore.config.wanted import Shape

    if args.no_forced_stop or not shape.is_azure:
        return False
    if args.subscription or args.kind or not questions.asks:
        return bool(args.subscription) or shape is Shape.DNS
    return questions.ask("", _STOP, _wrong_choice, "yes") == "yes"


def _account(args: Namespace, questions: Questions) -> Account:
    from clpcore.config.wanted import Account, wrong_id

    subscription = args.subscription or questions.ask(
        "--subscription", "Id of the subscription (az account show --query id)", wrong_id
    )
    group = args.resource_group or questions.ask(
        "--resource-group", "Resource group of the machines (TestGroup1)", _needed
    )
    application = args.application
    if not (application or args.subscription):
        application = questions.offer(_WHO, lambda text: wrong_id(text) if text else "", "")
    if not application:
        return Account(subscription=subscription, resource_group=group)
    tenant = args.tenant or questions.ask(
        "--tenant", "Its tenant (az account show --query tenantId)", _needed
    )
    file = "File of its certificate, on each server"
    certificate = args.certificate
    if not (certificate or args.application):
        certificate = questions.offer(file, _wrong_path, _CERTIFICATE)
    return Account(
        subscription=subscription,
        resource_group=group,
        application=application,
        tenant=tenant,
        certificate=certificate or _CERTIFICATE,
    )


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _needed(answer: str) -> str:
    return "" if answer else "it is needed"


def _wrong_choice(answer: str) -> str:
    return "" if answer in {"yes", "no"} else f"{answer!r} is neither yes nor no"


def _wrong_path(answer: str) -> str:
    return "" if answer.startswith("/") else f"{answer!r} is no absolute path"
