"""Who asks Azure, where, and in which cloud: the settings that all Azure drivers share."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from clpcore import api

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TENANT: Final = re.compile(rf"{_GUID.pattern}|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_GROUP: Final = re.compile(r"[-\w.()]{1,90}(?<!\.)")
_PERSONAL: Final = ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad")
_ANY: Final = ("common", "organizations")
_LOGIN: Final = "https://login.microsoftonline.com"
_ARM: Final = "https://management.azure.com"


@attrs.frozen(kw_only=True)
class Account:
    """The settings; the last five tell Azure from another cloud, or from a simulator."""

    subscription_id: str = api.setting(
        "The subscription that it is in.", example='"22222222-2222-2222-2222-222222222222"'
    )
    resource_group: str = api.setting("The resource group that it is in.", example='"TestGroup1"')
    application_id: str = api.setting(
        "Application (client) id of the service principal that signs in; with managed_identity"
        " that of a user-assigned identity, or empty.",
        default="",
        example='"33333333-3333-3333-3333-333333333333"',
    )
    tenant_id: str = api.setting(
        "The tenant (directory) of the service principal.",
        default="",
        example='"11111111-1111-1111-1111-111111111111"',
    )
    certificate_file: str = api.setting(
        "The service principal's certificate with its private key (RSA), PEM or PKCS#12.",
        default="",
        example='"/etc/clpcore/azure.pem"',
    )
    certificate_password_file: str = api.setting(
        "A file that holds the password of certificate_file; empty: it has none.",
        default="",
        example='"/etc/clpcore/azure.password"',
    )
    managed_identity: bool = api.setting(
        "Sign in as the managed identity of the virtual machine, without a certificate.",
        default=False,
        example="true",
    )
    resource_manager: str = api.setting(
        "The resource manager; another one than Azure's only for another cloud or a simulator.",
        default=_ARM,
        example='"https://management.azure.com"',
    )
    authority: str = api.setting(
        "Who signs in.", default=_LOGIN, example='"https://login.microsoftonline.com"'
    )
    audience: str = api.setting(
        "Whom tokens are for.", default=_ARM, example='"https://management.azure.com"'
    )
    ca_bundle: str = api.setting(
        "PEM file of the authorities to trust; empty: those of the system.",
        default="",
        example='"/etc/clpcore/cloud-ca.pem"',
    )
    private: bool = api.setting(
        "The authority is not one of Microsoft's: it is trusted without asking them.",
        default=False,
        example="true",
    )

    @property
    def whose(self) -> Account:
        """Give what a session is about, of the settings of any driver: who signs in, and where."""
        names = (field.name for field in attrs.fields(Account))
        values = {name: getattr(self, name) for name in names}
        return Account(**values | {"resource_group": ""})


def validate(account: Account) -> Iterable[api.Problem]:
    """Find what cannot sign in anywhere."""
    yield from _names(account)
    yield from _identity(account)
    for key in ("resource_manager", "authority", "audience"):
        yield from _address(key, getattr(account, key))
    for key in ("certificate_file", "certificate_password_file", "ca_bundle"):
        path = getattr(account, key)
        if path and not path.startswith("/"):
            yield api.Problem(key, f"{path} is no absolute path.", f"Write {key} with its folders.")


def validate_here(account: Account) -> Iterable[api.Problem]:
    """Find what this server's files have against it; reads them, asks nobody."""
    from clpcore_lib_azure import certificate  # noqa: PLC0415 - cryptography is heavy

    yield from certificate.problems(account)


def _names(account: Account) -> Iterator[api.Problem]:
    if not _GUID.fullmatch(account.subscription_id):
        what = f"{account.subscription_id} is no id of a subscription."
        yield api.Problem("subscription_id", what, "Copy it from `az account show --query id`.")
    if not _GROUP.fullmatch(account.resource_group):
        what = f"{account.resource_group} is no name of a resource group."
        yield api.Problem("resource_group", what, "Write the name alone, without a path.")
    if account.application_id and not _GUID.fullmatch(account.application_id):
        what = f"{account.application_id} is no id of an application."
        remedy = "Copy the appId that `az ad sp create-for-rbac` printed; X 5.1 called it user URI."
        yield api.Problem("application_id", what, remedy)


def _identity(account: Account) -> Iterator[api.Problem]:
    if account.managed_identity:
        for key in ("certificate_file", "certificate_password_file"):
            if getattr(account, key):
                what = "A managed identity signs in without a certificate."
                yield api.Problem(key, what, f"Leave {key} out, or managed_identity.")
        return
    for key in ("application_id", "tenant_id", "certificate_file"):
        if not getattr(account, key):
            what = f"{key} is missing: a service principal signs in with all of application_id,"
            what += " tenant_id and certificate_file."
            yield api.Problem(key, what, f"Add {key}, or managed_identity = true.")
    if account.tenant_id:
        yield from _tenant(account.tenant_id)


def _tenant(tenant: str) -> Iterator[api.Problem]:
    if tenant.lower() in _PERSONAL:
        what = f"{tenant} is the tenant of personal accounts: those sign in with a person only."
        remedy = "Use a service principal of your organisation's tenant."
        yield api.Problem("tenant_id", what, remedy)
    elif tenant.lower() in _ANY or not _TENANT.fullmatch(tenant):
        what = f"{tenant} names no tenant."
        remedy = "Copy it from `az account show --query tenantId`."
        yield api.Problem("tenant_id", what, remedy)


def _address(key: str, url: str) -> Iterator[api.Problem]:
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        what = f"{url} is no address of a cloud: a token goes over https only."
        yield api.Problem(key, what, "Write https://HOST or https://HOST:PORT, or leave it out.")
