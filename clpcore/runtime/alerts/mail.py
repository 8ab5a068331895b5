"""To a mail server: what was said in the same moment goes in one mail."""

from __future__ import annotations

import contextlib
import email.utils
import smtplib
import textwrap
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final

import attrs

from clpcore.model.alerts import Mail, Security
from clpcore.runtime.alerts import secrets
from clpcore.runtime.alerts.errors import Refused, Unsent
from clpcore.runtime.alerts.message import Message
from clpcore.runtime.alerts.patience import limited
from clpcore.runtime.alerts.webhook import trusting

if TYPE_CHECKING:
    from typing import BinaryIO

_STEPS: Final = 4  # times the timeout of one step that the whole may take
_FOREVER: Final = 500  # from here on, a code of SMTP says: never
_MOST_SAID: Final = 256 * 1024  # bytes that a server may say
_SUBJECT: Final = 150  # characters


@attrs.frozen
class MailSender:
    """One mail for each batch."""

    settings: Mail
    at_once: int = 50
    gather: float = 2.0

    def send(self, messages: Sequence[Message]) -> None:
        """Mail them.

        Raises:
            Unsent: the server cannot be reached, or takes nothing from us now.
            Refused: it does not take this mail.

        """
        given = self.settings
        server = self._server(messages[0].origin.server)
        try:
            with limited(_STEPS * given.timeout / 1_000, lambda: server.sock), _told(given):
                self._enter(server)
                server.send_message(mail(given, messages), given.sender, given.recipients)
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.quit()
        finally:
            server.close()

    def _server(self, me: str) -> smtplib.SMTP:
        """Give a server that is not yet connected. Our name is given: a resolver may hang."""
        seconds = self.settings.timeout / 1_000
        if self.settings.security is Security.TLS:
            context = trusting(self.settings.ca_file)
            return _TerseTls(local_hostname=me, timeout=seconds, context=context)
        return _Terse(local_hostname=me, timeout=seconds)

    def _enter(self, server: smtplib.SMTP) -> None:
        given = self.settings
        # smtplib checks a certificate against this name, which only its constructor sets.
        server._host = given.host  # type: ignore[attr-defined]  # noqa: SLF001
        server.connect(given.host, given.port)
        if given.security is Security.STARTTLS:
            server.starttls(context=trusting(given.ca_file))
        if given.user:
            server.login(given.user, secrets.read(given.password_file))


@contextlib.contextmanager
def _told(given: Mail) -> Iterator[None]:
    """Turn what smtplib raises into what comes next. A server's own words are not repeated."""
    where = f"{given.host}:{given.port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise Unsent(f"{where} does not let {given.user} in ({error.smtp_code})") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _by_code(min(codes), f"{where} takes no mail for the recipients") from error
    except smtplib.SMTPSenderRefused as error:
        raise _by_code(error.smtp_code, f"{where} takes no mail from {given.sender}") from error
    except smtplib.SMTPDataError as error:
        raise _by_code(error.smtp_code, f"{where} does not take the mail") from error
    except smtplib.SMTPServerDisconnected as error:  # what smtplib makes of a timeout, too
        what = f"{where} ended the connection, or said nothing in time"
        raise Unsent(what) from error
    except smtplib.SMTPException as error:
        raise Unsent(f"{where}: {type(error).__name__}") from error
    except OSError as error:
        raise Unsent(f"{where}: {error.strerror or 'no answer in time'}") from error


def _by_code(code: int, text: str) -> Unsent | Refused:
    return (Refused if code >= _FOREVER else Unsent)(f"{text} ({code})")


def mail(given: Mail, messages: Sequence[Message]) -> EmailMessage:
    """Give the mail: the worst message in its subject, all of them in its body."""
    ranks = ("error", "warning", "info")
    worst = min(messages, key=lambda message: ranks.index(message.severity.value))
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    title = textwrap.shorten(worst.text, _SUBJECT)
    made = EmailMessage()
    made["From"] = given.sender
    made["To"] = ", ".join(given.recipients)
    made["Subject"] = f"{given.subject}: {worst.origin.cluster}: {title}{more}"
    made["Date"] = email.utils.format_datetime(messages[-1].time)
    made["Message-ID"] = f"<{messages[0].id}@clpcore>"
    made["Auto-Submitted"] = "auto-generated"  # no machine shall answer it
    made.set_content("\n".join(map(_paragraph, messages)))
    return made


def _paragraph(message: Message) -> str:
    stamp = message.time.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    head = f"{stamp}  {message.origin.server}  {message.key}  {message.severity.value}"
    remedy = f"    {message.remedy}\n" if message.remedy else ""
    return f"{head}\n    {message.text}\n{remedy}"


class _Counted:
    """What a server says, with an end: smtplib itself would read lines for ever."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_SAID

    def readline(self, size: int) -> bytes:
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise Unsent("the mail server talks without end")
        return line

    def close(self) -> None:
        self._file.close()


class _Terse(smtplib.SMTP):
    """A client that does not listen for ever."""

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _Counted(self._pipe())
        return super().getreply()

    def _pipe(self) -> Any:  # noqa: ANN401 - what makefile gives
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self.sock.makefile("rb")


class _TerseTls(_Terse, smtplib.SMTP_SSL):
    """The same, sealed from its start."""
