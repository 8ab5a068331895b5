"""How commands take passwords among their words: patterns of what scripts and logs hold.

A script writes them bare or in quotes, a configuration and a journal as a list of words.
"""

from __future__ import annotations

from typing import Final

STARS: Final = "********"
QUOTED: Final = r'"(?:\\.|[^"\\\n])*"?|' + r"'[^'\n]*'?"
VALUE: Final = rf"(?:{QUOTED}|[^\s\"',;|&]+)"
# Between words: blanks, the end of a line that goes on, what parts those of a list.
GAP: Final = r"(?:[ \t]|\\\n|\\?[\"']\s{0,9},\s{0,9}\\?[\"'])"
# As far as an option is looked for: beyond that it is another command's, or a search without end.
_BETWEEN: Final = r"(?:\\\n|[^\n;|&]){0,200}?"
_REST: Final = r"(?:\\\n|[^\n;|&])+"  # of a command
_USER: Final = rf"(?<![\w-])(?:-\w{{0,8}}[uU]|--(?:proxy-)?user)(?:{GAP}|=)*"


def _begin(commands: str) -> str:
    """Give the pattern from one of the *commands* to where a word of it begins."""
    return rf"(?<![\w-])(?:{commands})(?=[\s\"',\\]){_BETWEEN}(?<=[\s\"'])"


def _option(commands: str, option: str) -> tuple[str, str]:
    """Give how *commands* take it after *option*, which says what parts both."""
    return rf"({_begin(commands)}{option}){VALUE}", rf"\1{STARS}"


def _all_after(commands: str, option: str) -> tuple[str, str]:
    """Give how *commands* take it somewhere after *option*, among other words: all of it goes."""
    return rf"({_begin(commands)}{option}{GAP}+){_REST}", rf"\1{STARS}"


_MYSQL: Final = r"mysql(?:dump|admin|import|show|check|slap|pump|sh)?|mariadb[\w-]*"
_ORACLE: Final = r"sqlplus|sqlldr|rman|expdp?|impdp?"
_TO_STDIN: Final = (
    r"\|\s*(?:sudo\s+)?(?:chpasswd|passwd|cryptsetup|kinit|sudo\s+-\w*S|[^\n]{0,200}-stdin)"
)

# Each: what it looks like, and what stands there instead. They take no heed of case.
PATTERNS: Final = (
    _option(rf"{_MYSQL}|7z[ar]?|rar|unrar", r"-p"),
    _option(r"sshpass|mongo\w*|fence_\w+|(?:docker|podman)\s+login", rf"-p{GAP}*"),
    _option(r"redis-cli", rf"-a{GAP}+"),
    _option(r"az|clpasswd|hdbsql|useradd|usermod", rf"-p(?:{GAP}|=)*"),
    _option(r"openssl", rf"-k{GAP}+"),
    _option(r"db2", rf"using{GAP}+"),
    _option(r"lftp", rf"-u{GAP}*[\"']?[^\s,\"']{{0,200}},"),
    _option(r"rabbitmqctl", rf"(?:add_user|\w+_password|authenticate_user){GAP}+{VALUE}{GAP}+"),
    _option(r"kubectl", rf"--from-literal(?:{GAP}|=)+[\"']?[\w.-]{{1,200}}="),
    _all_after(r"htpasswd", r"-\w{0,8}b\w{0,8}"),
    _all_after(r"openssl", r"passwd"),
    _all_after(r"vault", r"(?:put|patch|write)"),
    # net use Z: \\server\share PASSWORD /user:USER
    (rf"((?<![\w-])net{GAP}+use{GAP}+)(?=[^\n]{{0,300}}(?:\\\\|//|/u)){_REST}", rf"\1{STARS}"),
    _option(r"ipmitool|sqlcmd|bcp|isql|tsql|zip|unzip", rf"-P{GAP}*"),
    _option(r"ldap\w+", rf"-w{GAP}*"),
    _option(r"snmp\w+", rf"-[cAX]{GAP}*"),
    # USER/PASSWORD@DATABASE; the password may be in quotes of its own, and have an @
    (
        rf"({_begin(_ORACLE)}[\w$#.]+/)(?:\\?\"[^\"\n]*\"?|(?:[^\s\"'@]|@(?=[^\s\"']*@))+)",
        rf"\1{STARS}",
    ),
    # -u USER:PASSWORD of curl, -U USER%PASSWORD of smbclient
    (rf"({_USER}[\"'][^:%\"'\n]{{0,200}}[:%])[^\"'\n]+", rf"\1{STARS}"),
    (rf"({_USER}[^\s:%\"']{{0,200}}[:%])[^\s\"']+", rf"\1{STARS}"),
    # echo PASSWORD | passwd --stdin; <<< PASSWORD; send "PASSWORD\r" of expect; SQL
    (rf"((?<![\w-])(?:echo|printf)\s)[^\n|]{{1,200}}({_TO_STDIN})", rf"\1{STARS} \2"),
    (rf"(<<<\s{{0,9}}){VALUE}", rf"\1{STARS}"),
    (rf"((?<![\w-])send\s+(?:--\s+)?)(?:{QUOTED})", rf"\1{STARS}"),
    (rf"(\bidentified\s+by\s+){VALUE}", rf"\1{STARS}"),
    (rf"(\bpassword(?:\s{{0,9}}\(\s{{0,9}}|\s{{1,9}})\\?)(?:{QUOTED})", rf"\1{STARS}"),
    (rf"(\bset\s+password\b[^;=\n]{{0,200}}=\s{{0,9}}\\?)(?:{QUOTED})", rf"\1{STARS}"),
    (rf"(\bconnect\s+to\s[^;\n]{{0,200}}?\susing\s+){VALUE}", rf"\1{STARS}"),
)
