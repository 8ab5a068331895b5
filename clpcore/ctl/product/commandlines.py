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
_USER: Final = rf"(?<![\w-])(?:-\w{{0,8}}[uU]|--(?:proxy-)?user)(?:{GAP}|=)*"


def _begin(commands: str) -> str:
    """Give the pattern from one of the *commands* to where a word of it begins."""
    return rf"(?<![\w-])(?:{commands})(?=[\s\"',\\]){_BETWEEN}(?<=[\s\"'])"


def _option(commands: str, option: str) -> tuple[str, str]:
    """Give how *commands* take it after *option*, which says what parts both."""
    return rf"({_begin(commands)}{option}){VALUE}", rf"\1{STARS}"


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
)
