"""A secret setting is not shown by a repr of the settings."""

from __future__ import annotations

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    user: str = api.setting("The user.")
    password: str = api.setting("The password.", secret=True)


def test_a_secret_is_not_in_the_repr() -> None:
    assert repr(Config(user="me", password="hunter2")) == "Config(user='me')"
