"""Each type of destination, well and ill: what arrives, what is said when nothing does."""

from __future__ import annotations

import email
import email.policy
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from clpcore.model.alerts import Command, File, Mail, Security, Syslog, Webhook
from clpcore.runtime.alerts import secrets
from clpcore.runtime.alerts.command import CommandSender
from clpcore.runtime.alerts.errors import Refused, Unsent
from clpcore.runtime.alerts.logfile import FileSender
from clpcore.runtime.alerts.mail import MailSender
from clpcore.runtime.alerts.message import Message
from clpcore.runtime.alerts.syslog import SyslogSender
from clpcore.runtime.alerts.webhook import WebhookSender

Say = Callable[[socket.socket], None]
Start = Callable[[Say], Any]


class Certificate(Protocol):
    file: Path
    context: ssl.SSLContext


class Mailbox(Protocol):
    tls: ssl.SSLContext | None
    answers: dict[str, str]
    told: list[str]
    mails: list[str]

    def serve(self, end: socket.socket) -> None: ...


def secret(folder: Path, text: str = "s3cret\n", mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


# -- syslog


def test_syslog_gets_the_products_words_in_one_line(tmp_path: Path, error: Message) -> None:
    (tmp_path / "dev").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "dev/log"))
        SyslogSender(tmp_path, Syslog()).send([error, error])
        first, _second = log.recv(9_000).decode(), log.recv(9_000)
    assert first.startswith("<27>")
    assert "clpcore: [E] <type: rc><event: 32> Activating resource exec1" in first
    assert "\n" not in first


def test_a_system_log_that_is_not_there(tmp_path: Path, error: Message) -> None:
    with pytest.raises(Unsent, match="dev/log: No such file"):
        SyslogSender(tmp_path, Syslog()).send([error])


def test_a_system_log_that_reads_nothing_does_not_hold_us(
    tmp_path: Path, error: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clpcore.runtime.alerts.syslog._PATIENCE", 0.1)
    (tmp_path / "dev").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "dev/log"))
        with pytest.raises(Unsent, match="timed out"):
            SyslogSender(tmp_path, Syslog()).send([error] * 5_000)


# -- file


def test_a_file_gets_a_line_each_and_is_rotated(tmp_path: Path, error: Message) -> None:
    sender = FileSender(tmp_path, File(path="/log/alert.log", size=1_000, files=2))
    for _ in range(12):
        sender.send([error, error])
    names = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert names == ["alert.log", "alert.log.1", "alert.log.2"]
    for name in names:
        text = (tmp_path / "log" / name).read_text()
        assert len(text) <= 1_000
        assert all(" node1 rc32 error Activating" in line for line in text.splitlines())


def test_no_older_file_is_kept_where_none_is_wanted(tmp_path: Path, error: Message) -> None:
    sender = FileSender(tmp_path, File(path="/alert.log", size=1_000, files=0))
    for _ in range(20):
        sender.send([error])
    assert [path.name for path in tmp_path.iterdir()] == ["alert.log"]
    assert (tmp_path / "alert.log").stat().st_size <= 1_000


def test_a_file_that_cannot_be_written_and_one_that_leads_elsewhere(
    tmp_path: Path, error: Message
) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(Unsent):
        FileSender(tmp_path, File(path="/plain/alert.log")).send([error])
    (tmp_path / "alert.log").symlink_to("/etc/shadow")
    with pytest.raises(Unsent, match="symbolic links"):
        FileSender(tmp_path, File(path="/alert.log")).send([error])


# -- command


def test_a_command_gets_json_and_its_parts(
    tmp_path: Path, error: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/not/for/you")
    script = tmp_path / "page"
    script.write_text(f"#!/bin/sh\ncat > {tmp_path}/json\nenv > {tmp_path}/env\n")
    script.chmod(0o700)
    CommandSender(tmp_path, Command(command=(str(script), "x"))).send([error])
    assert json.loads((tmp_path / "json").read_text()) == error.document
    told = (tmp_path / "env").read_text().splitlines()
    assert "CLP_MESSAGE_KEY=rc32" in told
    assert "CLP_MESSAGE_SEVERITY=error" in told
    assert not any("NOTIFY_SOCKET" in line for line in told)


def test_a_command_that_fails_hangs_or_is_not_there(tmp_path: Path, error: Message) -> None:
    def send(*command: str) -> None:
        CommandSender(tmp_path, Command(command=command, timeout=300)).send([error])

    with pytest.raises(Refused, match="exit code 3"):
        send("/bin/sh", "-c", "exit 3")
    with pytest.raises(Unsent, match="No such file"):
        send(str(tmp_path / "nothing"))
    begun = time.monotonic()
    with pytest.raises(Refused, match=r"not ended after 0\.3 s"):
        send("/bin/sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60 & sleep 60")
    assert time.monotonic() - begun < 5
    group = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while _lives(group):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lives(group: int) -> bool:
    """Tell whether a process of the group runs; one that is dead and unread does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its) == group and state != "Z":
            return True
    return False


# -- webhook


def answering(status: int, got: list[bytes], tls: ssl.SSLContext | None = None) -> Say:
    def serve(end: socket.socket) -> None:
        if tls is not None:
            end = tls.wrap_socket(end, server_side=True)
        with end:
            data = b""
            while b"}" not in data:
                data += end.recv(65_536)
            got.append(data)
            end.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    return serve


def test_a_webhook_gets_a_post_with_its_token(
    server: Start, certificate: Certificate, tmp_path: Path, error: Message
) -> None:
    got: list[bytes] = []
    port = server(answering(204, got, certificate.context)).port
    url = f"https://127.0.0.1:{port}/hook?x=1"
    settings = Webhook(url=url, token_file=secret(tmp_path), ca_file=str(certificate.file))
    WebhookSender(settings).send([error])
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer s3cret" in head
    assert b"Idempotency-Key: Cluster1.node1.3.17" in head
    assert json.loads(body) == error.document


def test_a_certificate_that_nobody_signed_is_not_trusted(
    server: Start, certificate: Certificate, error: Message
) -> None:
    got: list[bytes] = []
    port = server(answering(204, got, certificate.context)).port
    with pytest.raises(Unsent, match="not trusted"):
        WebhookSender(Webhook(url=f"https://127.0.0.1:{port}/")).send([error])
    assert got == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (302, Unsent), (400, Refused), (401, Unsent), (404, Unsent), (503, Unsent)],
)
def test_what_a_webhook_answers(
    server: Start, error: Message, status: int, kind: type[Exception] | None
) -> None:
    sender = WebhookSender(Webhook(url=f"http://127.0.0.1:{server(answering(status, [])).port}"))
    if kind is None:
        sender.send([error])
        return
    with pytest.raises(kind, match=f"answered {status}"):
        sender.send([error])


def test_a_webhook_that_drips_is_cut_off(server: Start, error: Message) -> None:
    def drip(end: socket.socket) -> None:
        while True:
            end.sendall(b"H")
            time.sleep(0.02)

    begun = time.monotonic()
    with pytest.raises(Unsent, match=r"not done within 0\.3 s"):
        WebhookSender(Webhook(url=f"http://127.0.0.1:{server(drip).port}", timeout=300)).send(
            [error]
        )
    assert time.monotonic() - begun < 5


def test_a_secret_url_is_never_told(tmp_path: Path, error: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    file = secret(tmp_path, f"http://127.0.0.1:{port}/T0P/S3CRET")
    with pytest.raises(Unsent, match="Connection refused") as caught:
        WebhookSender(Webhook(url_file=file)).send([error])
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("x", 0o644, "can be read by others"),
        ("", 0o600, "holds no secret"),
        ("a\r\nBcc: x", 0o600, "holds no secret"),
        ("é", 0o600, "holds no secret"),
        ("x" * 5_000, 0o600, "holds no secret"),
    ],
)
def test_a_file_that_holds_no_secret(
    tmp_path: Path, error: Message, text: str, mode: int, why: str
) -> None:
    settings = Webhook(url="http://127.0.0.1:1/", token_file=secret(tmp_path, text, mode))
    with pytest.raises(Unsent, match=why):
        WebhookSender(settings).send([error])


def test_a_secret_of_somebody_else(tmp_path: Path) -> None:
    file = secret(tmp_path)
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(file, 12_345, -1)
    with pytest.raises(Unsent, match="chown root"):
        secrets.read(file)


# -- mail

MAIL = Mail(
    host="127.0.0.1",
    sender="clp@example.com",
    recipients=("ops@example.com", "boss@example.com"),
    timeout=1_000,
)


def test_a_mail_tells_all_of_one_moment(server: Start, mailbox: Mailbox, error: Message) -> None:
    port = server(mailbox.serve).port
    info = attrs.evolve(error, text="ドライブ", remedy="", severity=type(error.severity).INFO)
    MailSender(attrs.evolve(MAIL, port=port)).send([info, error])
    assert "rcpt TO:<boss@example.com>" in mailbox.told
    (text,) = mailbox.mails
    got = email.message_from_string(text, policy=email.policy.default)
    assert got["Subject"].startswith("clpcore: Cluster1: Activating resource exec1")
    assert got["Subject"].endswith("(and 1 more)")
    assert got["To"] == "ops@example.com, boss@example.com"
    assert got["Bcc"] is None
    body = got.get_content()
    assert "ドライブ" in body
    assert "    Correct" in body


def test_a_password_goes_only_through_tls(
    server: Start, mailbox: Mailbox, certificate: Certificate, tmp_path: Path, error: Message
) -> None:
    mailbox.tls = certificate.context
    settings = attrs.evolve(
        MAIL,
        port=server(mailbox.serve).port,
        security=Security.STARTTLS,
        user="clp",
        password_file=secret(tmp_path),
        ca_file=str(certificate.file),
    )
    MailSender(settings).send([error])
    assert len(mailbox.mails) == 1
    words = [line.split()[0].upper() for line in mailbox.told]
    assert words.index("STARTTLS") < words.index("AUTH")
    with pytest.raises(Unsent, match="certificate"):
        MailSender(attrs.evolve(settings, ca_file="")).send([error])


def test_a_mail_server_that_is_sealed_from_the_start(
    server: Start, mailbox: Mailbox, certificate: Certificate, error: Message
) -> None:
    def serve(end: socket.socket) -> None:
        mailbox.serve(certificate.context.wrap_socket(end, server_side=True))

    settings = attrs.evolve(
        MAIL, port=server(serve).port, security=Security.TLS, ca_file=str(certificate.file)
    )
    MailSender(settings).send([error])
    assert len(mailbox.mails) == 1


def test_a_password_that_is_wrong_is_not_repeated(
    server: Start, mailbox: Mailbox, certificate: Certificate, tmp_path: Path, error: Message
) -> None:
    mailbox.tls, mailbox.answers["AUTH"] = certificate.context, "535 no, not s3cret"
    settings = attrs.evolve(
        MAIL,
        port=server(mailbox.serve).port,
        security=Security.STARTTLS,
        user="clp",
        password_file=secret(tmp_path),
        ca_file=str(certificate.file),
    )
    with pytest.raises(Unsent, match="does not let clp in") as caught:
        MailSender(settings).send([error])
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "answer", "kind", "why"),
    [
        ("MAIL", "550 no", Refused, "no mail from"),
        ("MAIL", "451 later", Unsent, "no mail from"),
        ("RCPT", "550 no such user", Refused, "recipients"),
        ("RCPT", "450 busy", Unsent, "recipients"),
        ("DATA", "554 no", Refused, "the mail"),
        ("MAIL-END", "552 too large", Refused, "the mail"),
        ("MAIL-END", "452 full", Unsent, "the mail"),
    ],
)
def test_what_a_mail_server_answers(
    server: Start,
    mailbox: Mailbox,
    error: Message,
    word: str,
    answer: str,
    kind: type[Exception],
    why: str,
) -> None:
    mailbox.answers[word] = answer
    with pytest.raises(kind, match=why):
        MailSender(attrs.evolve(MAIL, port=server(mailbox.serve).port)).send([error])


def test_a_mail_server_that_says_nothing_drips_or_has_no_end(
    server: Start, error: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(end: socket.socket) -> None:
        end.recv(1)

    def drip(end: socket.socket) -> None:
        while True:
            end.sendall(b"2")
            time.sleep(0.02)

    def endless(end: socket.socket) -> None:
        while True:
            end.sendall(b"220-more\r\n" * 1_000)

    monkeypatch.setattr("clpcore.runtime.alerts.mail._STEPS", 1)
    begun = time.monotonic()
    for serve, why in ((silent, "in time|not done"), (drip, "not done"), (endless, "without end")):
        settings = attrs.evolve(MAIL, port=server(serve).port, timeout=400)
        with pytest.raises(Unsent, match=why):
            MailSender(settings).send([error])
    assert time.monotonic() - begun < 10
