"""What cannot sign in anywhere is refused before anybody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from clpcore_lib_azure import Account, validate

GOOD: dict[str, Any] = {
    "subscription_id": "22222222-2222-2222-2222-222222222222",
    "resource_group": "TestGroup1",
    "application_id": "33333333-3333-3333-3333-333333333333",
    "tenant_id": "11111111-1111-1111-1111-111111111111",
    "certificate_file": "/etc/clpcore/azure.pem",
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"tenant_id": "contoso.onmicrosoft.com"},
        {"certificate_file": "/etc/sp.p12", "certificate_password_file": "/etc/sp.password"},
        {"managed_identity": True, "certificate_file": "", "tenant_id": "", "application_id": ""},
        {"managed_identity": True, "certificate_file": ""},
        {"resource_manager": "https://127.0.0.1:8443"},
    ],
)
def test_what_can_sign_in_is_accepted(change: dict[str, Any]) -> None:
    assert list(validate(Account(**GOOD | change))) == []


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"subscription_id": "mine"}, "subscription_id", "az account show"),
        ({"resource_group": "a/b"}, "resource_group", "the name alone"),
        ({"resource_group": "ends."}, "resource_group", "no name"),
        ({"application_id": "http://uri"}, "application_id", "appId"),
        ({"application_id": ""}, "application_id", "managed_identity = true"),
        ({"tenant_id": ""}, "tenant_id", "managed_identity = true"),
        ({"certificate_file": ""}, "certificate_file", "managed_identity = true"),
        ({"tenant_id": "consumers"}, "tenant_id", "personal accounts"),
        ({"tenant_id": "9188040d-6c67-4c5b-b112-36a304b66dad"}, "tenant_id", "personal accounts"),
        ({"tenant_id": "common"}, "tenant_id", "names no tenant"),
        ({"tenant_id": "a b"}, "tenant_id", "names no tenant"),
        ({"managed_identity": True}, "certificate_file", "without a certificate"),
        ({"certificate_file": "azure.pem"}, "certificate_file", "no absolute path"),
        ({"resource_manager": "http://127.0.0.1"}, "resource_manager", "https only"),
        ({"authority": "login.microsoftonline.com"}, "authority", "https only"),
        ({"audience": "https://a:b"}, "audience", "https only"),
    ],
)
def test_what_cannot_is_refused_with_a_remedy(change: dict[str, Any], key: str, said: str) -> None:
    (problem,) = validate(Account(**GOOD | change))
    assert problem.key == key
    assert said in f"{problem.what} {problem.remedy}"
    assert problem.remedy
    assert not problem.risk
