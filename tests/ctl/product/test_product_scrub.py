"""Secrets are taken out of text, known or not, and what is none stays."""

from __future__ import annotations

import pytest

from clpcore.ctl.product.scrub import Scrubber, in_toml, is_secret, secret_files

_PLANTED = "S3cr3t-kingfisher"


@pytest.mark.parametrize(
    "text",
    [
        f'password = "{_PLANTED}"',
        f'smtp_password="{_PLANTED}"',
        f'"client_secret": "{_PLANTED}"',
        f'{{"user": "a", "password": "{_PLANTED}", "port": 1}}',
        f"export PGPASSWORD={_PLANTED}",
        f"PASSWORD='{_PLANTED}' run",
        f"password: correct {_PLANTED}",
        f'password = "a\\"{_PLANTED}"',
        f'password = """\nfirst\n{_PLANTED}\n"""',
        f"password = '''\n{_PLANTED}'''",
        f'token = "{_PLANTED}',
        f"backup --password {_PLANTED} --to /srv",
        f"backup --api-key={_PLANTED}",
        f"curl -u admin:{_PLANTED} https://hooks.example",
        f"curl -H 'Authorization: Basic {_PLANTED}'",
        f"Bearer {_PLANTED}",
        f"https://admin:{_PLANTED}@hooks.example/x",
        f"https://blob.example/x?sp=r&sig={_PLANTED}",
        f"DefaultEndpointsProtocol=https;AccountKey={_PLANTED};EndpointSuffix=x",
        f"<password>{_PLANTED}</password>",
        f"-----BEGIN PRIVATE KEY-----\n{_PLANTED}\n-----END PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{_PLANTED}",
        f"//srv/share /mnt cifs rw,user=a,password={_PLANTED},vers=3 0 0",
        f"PASS={_PLANTED}",
        f"export DB_PASS='first {_PLANTED}'",
        f'ORACLE_PASS="first\n{_PLANTED}"',
        f"MYSQL_PW={_PLANTED} REDISCLI_AUTH=x",
        f"export REDISCLI_AUTH={_PLANTED}",
        f"backup --password 'first {_PLANTED}'",
        f"curl -H 'authorization: token {_PLANTED}'",
        f"https://{_PLANTED}@hooks.example/x",
        f"openssl rsa -passin pass:{_PLANTED}",
        # commands with options of their own, bare, in quotes, over lines, in lists
        f"mysql -u root -p{_PLANTED} -e 'select 1'",
        f"/usr/bin/mysqldump -p'{_PLANTED}' --all-databases",
        f"mysql \\\n  -u root \\\n  -p{_PLANTED}",
        f"sshpass -p {_PLANTED} ssh node2",
        f"sshpass -p'first {_PLANTED}' ssh node2",
        f"redis-cli -h cache -a {_PLANTED} ping",
        f"curl -uU:{_PLANTED} https://hooks.example",
        f"curl -su 'U:first {_PLANTED}' https://hooks.example",
        f"curl --proxy-user U:{_PLANTED} https://hooks.example",
        f"smbclient //srv/share -U user%{_PLANTED}",
        f"sqlplus -s U/{_PLANTED}@DB @check.sql",
        f"sqlplus 'U/first@{_PLANTED}@DB'",
        f'sqlplus U/"{_PLANTED}"@DB',
        f"ldapsearch -x -D cn=admin -w {_PLANTED}",
        f"ipmitool -H bmc -U admin -P {_PLANTED} power off",
        f"snmpget -v2c -c {_PLANTED} host",
        f'command = ["/usr/bin/curl", "-u", "U:{_PLANTED}", "https://hooks.example"]',
        f'{{"argv": "[\\"sshpass\\", \\"-p\\", \\"{_PLANTED}\\"]"}}',
        f"echo {_PLANTED} | passwd --stdin operator",
        f"echo {_PLANTED} | docker login -u ci --password-stdin",
        f"kinit admin <<< '{_PLANTED}'",
        f"expect -c 'send \"{_PLANTED}\\r\"'",
        f"create user a identified by '{_PLANTED}';",
        f"az login --service-principal -u id -p {_PLANTED} --tenant t",
        f"az login -p '{_PLANTED}'",
        f'command = ["az", "login", "-p", "{_PLANTED}"]',
        f"psql -c \"ALTER ROLE a WITH LOGIN PASSWORD '{_PLANTED}'\"",
        f"CREATE ROLE a\n  ENCRYPTED PASSWORD '{_PLANTED}';",
        f"SET PASSWORD FOR 'a'@'%' = '{_PLANTED}';",
        f"SET PASSWORD FOR a = PASSWORD('{_PLANTED}');",
        f"curl -d @x https://hooks.slack.com/services/T0/B0/{_PLANTED}",
        f"HOOK=https://contoso.webhook.office.com/webhookb2/{_PLANTED}@x/IncomingWebhook/1/2",
        f"https://outlook.office.com/webhook/{_PLANTED}",
        f"https://discord.com/api/webhooks/1/{_PLANTED}",
        f"X=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{_PLANTED}",
        f"git clone x ghp_{_PLANTED}",
        f"glpat-{_PLANTED}",
        f"openssl enc -aes256 -k {_PLANTED} -in a",
        f"openssl passwd -6 {_PLANTED}",
        f"hdbsql -u SYSTEM -p {_PLANTED} 'select 1'",
        f"db2 connect to sample user a using {_PLANTED}",
        f'db2 "connect to sample user a using {_PLANTED}"',
        f"connect to sample user a using {_PLANTED};",
        f"clpasswd -p {_PLANTED}",
        f"lftp -u user,{_PLANTED} sftp://host",
        f"lftp -u 'user,{_PLANTED}' sftp://host",
        f"rabbitmqctl add_user app {_PLANTED}",
        f"rabbitmqctl change_password app '{_PLANTED}'",
        f"htpasswd -b /etc/users app {_PLANTED}",
        f"htpasswd -nbB app {_PLANTED}",
        f"kubectl create secret generic s --from-literal=key={_PLANTED}",
        f"kubectl create secret generic s --from-literal 'key={_PLANTED}'",
        f"vault kv put secret/app value={_PLANTED}",
        f"vault kv put secret/app \\\n  value={_PLANTED}",
        f"net use Z: \\\\srv\\share {_PLANTED} /user:a",
        f"useradd -m -p {_PLANTED} app",
        f"sas_token {_PLANTED}",
        f"machine host login a password {_PLANTED}",
        f"requirepass {_PLANTED}",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert _PLANTED not in Scrubber(())(text)


@pytest.mark.parametrize(
    "text",
    [
        'token_file = "/etc/clpcore/hook.token"',
        'password_file="/etc/clpcore/mail.password"',
        "Group failover1 is online on node1 (epoch 2).",
        'url = "https://hooks.example:8443/clp?page=2"',
        "interval = 60",
        "the monitor key is lbppw1",
        "[monitor.lbppw1]",
        '{"key": "rc530", "passed": 3, "passive": false}',
        "mkdir -p /srv/data; cp -a a b; docker run -p 80:80 nginx",
        "ssh -p 22 node2 journalctl -u clpcore -n 5000",
        "mysql runs, and -p is its option",
        "az vm start -g rg -n node2; mkdir -p /srv; kubectl get secret; vault status",
        "the net is up; openssl version; the password of the user is wrong, token for node2",
        'url = "https://learn.microsoft.com/azure/webhook"',
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert Scrubber(())(text) == text


def test_what_is_known_is_taken_out_everywhere() -> None:
    scrub = Scrubber({_PLANTED, f"{_PLANTED}-longer", "abc"})
    assert scrub(f"x {_PLANTED}-longer y {_PLANTED} abc") == "x ******** y ******** abc"


def test_settings_that_drivers_mark_are_found() -> None:
    text = """
        [monitor.psqlw1]
        phrase = "one two"
        passwords = ["first", "second"]
        token_file = "/etc/clpcore/token"
        server.node1 = { phrase = "three", secret = true }
        [[list]]
        api_key = 1234
    """
    found = set(in_toml(text, {"phrase"}))
    assert found == {"one two", "first", "second", "three", "1234"}
    assert list(secret_files(text)) == ["/etc/clpcore/token"]


def test_where_an_alert_posts_to_is_a_secret_also_without_its_server() -> None:
    url = "https://hooks.example/services/T0/B0/kingfisher"
    text = f'[alert.hook1]\ntype = "webhook"\nurl = "{url}"\n[monitor.httpw1]\nurl = "https://web"'
    assert list(in_toml(text, ())) == [url]
    said = Scrubber({url})(f"POST {url} and POST /services/T0/B0/kingfisher by proxy")
    assert said == "POST ******** and POST ******** by proxy"


def test_a_file_that_cannot_be_read_has_no_known_secrets_but_addresses() -> None:
    assert list(in_toml("password = ", ())) == list(secret_files("=")) == []
    off = '# [alert.hook1]\n#url="https://hooks.example/x"\n[cluster]\nname = "A"\n'
    assert list(in_toml(off, ())) == ["https://hooks.example/x"]
    assert list(in_toml('a =\n  url = "https://hooks.example/x"\n', ())) == [
        "https://hooks.example/x"
    ]


def test_a_secret_of_several_lines_is_known_by_each_and_as_json_has_it() -> None:
    scrub = Scrubber({'-----BEGIN X-----\nfirst"half\n  second-half\n-----END X-----\n'})
    text = '-----BEGIN X----- first"half, first\\"half, second-half'
    assert scrub(text) == "-----BEGIN X----- ********, ********, ********"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a-", "token", "token-", "a.b/", "'", "<", "secret=", "x://", "--x ", "\n", "\\\n"),
        *(
            "az ",
            "vault put ",
            "net use ",
            "password (",
            "set password ",
            "kubectl --from-literal ",
        ),
        *(
            "rabbitmqctl add_user ",
            "htpasswd -b ",
            "eyJ",
            "ghp_",
            "connect to ",
            "db2 using ",
            "token 1",
        ),
        *("mysql ", "mysql -", "sqlplus a/", "-u a:", "echo x|", "<<<", "send ", 'pass="', "', '"),
    ],
)
def test_no_text_takes_for_ever(piece: str) -> None:
    Scrubber(())(piece * (300_000 // len(piece)))


@pytest.mark.parametrize("name", ["password.txt", "db_password", ".pgpass", "token", "creds.json"])
def test_a_file_that_is_called_a_secret_is_one(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["start.sh", "check_token.sh", "clpcore.toml", "passage.txt"])
def test_a_file_that_holds_more_than_a_secret_is_scrubbed(name: str) -> None:
    assert not is_secret(name)
