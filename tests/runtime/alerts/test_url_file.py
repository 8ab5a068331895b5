"""A file with the address of a webhook: held to what a configuration's own may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from clpcore.model.alerts import Webhook
from clpcore.runtime.alerts.errors import Unsent
from clpcore.runtime.alerts.message import Message
from clpcore.runtime.alerts.webhook import WebhookSender


@pytest.mark.parametrize(
    "text",
    [
        "http://bot:S3CRET@127.0.0.1/T0P",
        "http://127.0.0.1:S3CRET/T0P",
        "http://127.0.0.1/T0P S3CRET",
        "ftp://127.0.0.1/S3CRET",
        "S3CRET",
    ],
)
def test_a_file_holds_only_what_a_url_in_the_configuration_may_be(
    tmp_path: Path, error: Message, text: str
) -> None:
    file = tmp_path / "hook.url"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(Unsent, match="holds no URL of a web server") as caught:
        WebhookSender(Webhook(url_file=str(file))).send([error])
    assert "S3CRET" not in str(caught.value)
