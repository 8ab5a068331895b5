"""Who sends what: a sender for each type of alert."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from clpcore.model.alerts import Alert, Command, File, Mail, Syslog, Webhook
from clpcore.runtime.alerts.command import CommandSender
from clpcore.runtime.alerts.logfile import FileSender
from clpcore.runtime.alerts.mail import MailSender
from clpcore.runtime.alerts.message import Message
from clpcore.runtime.alerts.syslog import SyslogSender
from clpcore.runtime.alerts.webhook import WebhookSender


class Sender(Protocol):
    """Sends; it may block, in a thread of its alert alone."""

    @property
    def at_once(self) -> int:
        """Give how many messages it takes at once."""
        ...

    @property
    def gather(self) -> float:
        """Give how many seconds to wait for more of the same moment."""
        ...

    def send(self, messages: Sequence[Message], /) -> None:
        """Send all of them; Unsent or Refused tell why not."""
        ...


def make(alert: Alert, root: Path) -> Sender:
    """Give the sender of an alert."""
    match alert.settings:
        case Syslog() as settings:
            return SyslogSender(root, settings)
        case File() as settings:
            return FileSender(root, settings)
        case Command() as settings:
            return CommandSender(root, settings)
        case Webhook() as settings:
            return WebhookSender(settings)
        case Mail() as settings:
            return MailSender(settings)
