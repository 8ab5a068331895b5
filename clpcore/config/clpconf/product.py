"""What is known of the product's tags: which of our keys each is, and its defaults.

A clp.conf holds only what differs from the product's defaults, so those stand here; where ours
differ they are written out. Sources and how sure they are: the product's public tools; defaults of
monitors are from memory, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

Convert = Callable[[str], Any]

_MOST_DIGITS: Final = 9  # of any number that the product takes


class Unfit(ValueError):
    """The text is no value of the tag; the message says what it should be."""


def text(raw: str) -> str:
    """Take it as it is."""
    return raw


def number(raw: str) -> int:
    """Read a whole number."""
    if not (raw.isascii() and raw.isdigit() and len(raw) <= _MOST_DIGITS):
        raise Unfit("a whole number")
    return int(raw)


def numbers(raw: str) -> list[int]:
    """Read whole numbers between commas."""
    return [number(part.strip()) for part in raw.split(",")]


def flag(raw: str) -> bool:
    """Read 0 or 1."""
    if raw not in {"0", "1"}:
        raise Unfit("0 or 1")
    return raw == "1"


def milliseconds(raw: str) -> Any:
    """Read milliseconds; give what a file has: seconds."""
    ms = number(raw)
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def choice(**words: str) -> Convert:
    """Read one of the product's numbers, written as ``n0="none"``."""
    known = {name.removeprefix("n"): word for name, word in words.items()}

    def read(raw: str) -> str:
        if raw not in known:
            raise Unfit(f"one of {', '.join(known)} here (others need what clpcore has not)")
        return known[raw]

    return read


@attrs.frozen
class Tag:
    """One tag below an object, and the key that it becomes; *default* is the product's.

    *many*: the tag is there once for each element of a list.
    """

    path: str
    key: str
    convert: Convert = text
    default: Any = None
    many: bool = False


@attrs.frozen(kw_only=True)
class Driver:
    """How the product's *type* of an object becomes ours."""

    type: str
    tags: tuple[Tag, ...] = ()
    polling: tuple[int, int, int] | None = None  # interval, timeout, retry
    active: bool = False  # a monitor that looks only while its target is active
    retry: int = 0  # of an activation
    scripts: Mapping[str, str] = attrs.field(factory=dict)  # deadline: tag of its script's time


_FINAL = choice(
    n0="continue",
    n1="none",
    n2="stop_group",
    n3="stop_service",
    n4="shutdown",
    n5="reboot",
    n8="panic",
    n9="reset",
    n10="panic",
)
_LAST_RUNG = choice(
    n1="none",
    n2="stop_group",
    n3="stop_service",
    n4="shutdown",
    n5="reboot",
    n8="panic",
    n9="reset",
    n10="panic",
)
_AUTO = choice(n0="manual", n1="auto")

_NP_ACTION: Final = choice(
    n0="none",
    n1="stop_service",
    n2="shutdown",
    n3="reboot",
    n4="panic",
    n5="reset",
    n6="panic",
)

CLUSTER: Final = (
    Tag("name", "name"),
    Tag("networkpartition/npaction", "np_action", _NP_ACTION, "shutdown"),
    Tag("heartbeat/timeout", "heartbeat_timeout", milliseconds, 90),
)
GROUP: Final = (
    Tag("start", "startup", _AUTO, "auto"),
    Tag("failover", "failover", _AUTO, "auto"),
    Tag("failback", "failback", _AUTO, "manual"),
    Tag("depend/act/timeout", "start_wait", number, 1800),
    Tag("depend/act/sameserver", "start_after_same_server", flag, default=False),
    Tag("depend/deact/timeout", "stop_wait", number, 1800),
    Tag("depend/deact/cluster/use", "stop_after_at_cluster_stop", flag, default=True),
    Tag("depend/deact/server/use", "stop_after_at_server_stop", flag, default=False),
    Tag("depend/deact/other/use", "stop_after_at_group_stop", flag, default=False),
)
WAITS: Final[Mapping[str, str]] = {
    "start_after": "depend/act/depend",
    "stop_after": "depend/deact/depend",
}
EXCLUSIVE: Final[Mapping[str, str]] = {"1": "normal", "2": "absolute"}  # until X 3.3
RESOURCE: Final = (
    Tag("act/retry", "activation_retry", number),
    Tag("act/fo", "activation_failover", number, 1),
    Tag("act/action", "activation_final_action", _FINAL, "none"),
    Tag("deact/retry", "deactivation_retry", number, 0),
    Tag("deact/action", "deactivation_final_action", _FINAL, "shutdown"),
    Tag("parameters/act/timeout", "activate_timeout", number),
    Tag("parameters/deact/timeout", "deactivate_timeout", number),
)
MONITOR: Final = (
    Tag("polling/interval", "interval", number),
    Tag("polling/timeout", "timeout", number),
    Tag("polling/reconfirmation", "retry", number),
    Tag("firstmonwait", "start_delay", number, 0),
    Tag("polling/servers/name", "servers", many=True),
    Tag("emergency/threshold/restart", "max_reactivations", number, 3),
    Tag("emergency/threshold/fo", "max_failovers", number, 1),
    Tag("emergency/action", "final_action", _LAST_RUNG, "none"),
)

_EXEC: Final = (
    Tag("parameters/act/path", "start", default="start.sh"),
    Tag("parameters/deact/path", "stop", default="stop.sh"),
    Tag("parameters/act/sync", "start_sync", flag, default=True),
    Tag("parameters/deact/sync", "stop_sync", flag, default=True),
    Tag("parameters/timeout/start", "start_timeout", number, 1800),
    Tag("parameters/timeout/stop", "stop_timeout", number, 1800),
    Tag("parameters/userlog", "log"),
)
_PROBE_PORT: Final = (Tag("parameters/probeport", "port", number),)
_GENW: Final = (
    Tag("parameters/path", "script", default="genw.sh"),
    Tag("parameters/normalval", "normal_return_values", numbers, [0]),
    Tag("parameters/sync", "sync", flag, default=True),
    Tag("parameters/userlog", "log"),
)
_FSCK: Final = choice(n0="not", n1="always", n2="count")
_DISK: Final = (
    Tag("parameters/disktype", "disk_type", default="disk"),
    Tag("parameters/device", "device"),
    Tag("parameters/mount/point", "mount_point"),
    Tag("parameters/fs", "file_system"),
    Tag("parameters/mount/option", "mount_options", default="rw"),
    Tag("parameters/mount/timeout", "mount_timeout", number, 180),
    Tag("parameters/mount/retry", "mount_retry", number, 3),
    Tag("parameters/mount/action", "fsck_on_mount_failure", flag, default=True),
    Tag("parameters/mount/xfsaction", "xfs_repair_on_mount_failure", flag, default=False),
    Tag("parameters/fsck/option", "fsck_options", default="-y"),
    Tag("parameters/fsck/timeout", "fsck_timeout", number, 7200),
    Tag("parameters/fsck/timing", "fsck_timing", _FSCK, "count"),
    Tag("parameters/fsck/interval", "fsck_interval", number, 10),
    Tag("parameters/umount/timeout", "umount_timeout", number, 120),
    Tag("parameters/umount/retry", "umount_retry", number, 3),
    Tag("parameters/umount/interval", "umount_retry_interval", number, 5),
    Tag("parameters/umount/action", "umount_force", default="kill"),
)

RESOURCES: Final[Mapping[str, Driver]] = {
    "exec": Driver(
        type="exec",
        tags=_EXEC,
        scripts={
            "activate_timeout": "parameters/timeout/start",
            "deactivate_timeout": "parameters/timeout/stop",
        },
    ),
    "azurepp": Driver(type="lbpp", tags=_PROBE_PORT),
    "lbpp": Driver(type="lbpp", tags=_PROBE_PORT),
    "fip": Driver(type="fip", tags=(Tag("parameters/ip", "ip"),), retry=5),
    "disk": Driver(type="disk", tags=_DISK),
}
MONITORS: Final[Mapping[str, Driver]] = {
    "azureppw": Driver(type="lbppw", polling=(60, 180, 1)),
    "lbppw": Driver(type="lbppw", polling=(60, 180, 1)),
    "pidw": Driver(type="pidw", polling=(5, 60, 0), active=True),
    "genw": Driver(type="genw", tags=_GENW, polling=(60, 120, 1)),
    "psw": Driver(
        type="psw",
        tags=(
            Tag("parameters/processname", "process"),
            Tag("parameters/processnum", "minimum", number, 1),
        ),
        polling=(5, 60, 0),
    ),
    "ipw": Driver(
        type="ipw", tags=(Tag("parameters/list/ip", "addresses", many=True),), polling=(30, 60, 1)
    ),
    "miiw": Driver(
        type="miiw", tags=(Tag("parameters/object", "interface"),), polling=(10, 180, 3)
    ),
    "fipw": Driver(
        type="fipw",
        tags=(Tag("parameters/monmii", "watch_link", flag, default=False),),
        polling=(60, 60, 1),
        active=True,
    ),
    "diskw": Driver(
        type="diskw",
        tags=(Tag("parameters/object", "device"),),
        polling=(60, 120, 0),
    ),
    "userw": Driver(
        type="userw",
        tags=(Tag("parameters/writesize", "write_size", number, 10_000),),
        polling=(3, 90, 0),
    ),
}
MERGED: Final[Mapping[str, str]] = {"azurelbw": "lbppw"}  # ours does the work of both

# Types whose tags nobody has published: our keys, and what the product's screens call them. What
# the product does not ask for at all says where it is found.
FILL_IN: Final[Mapping[str, Mapping[str, str]]] = {
    "azuredns": {
        "record_set": "Record Set Name",
        "zone": "Zone Name",
        "ip": "IP Address, on its common tab; on a server's own: server.NAME.ip",
        "ttl": "TTL",
        "resource_group": "Resource Group Name",
        "subscription_id": "the product does not ask for it: az account show --query id",
        "application_id": "Application ID; until X 5.1 User URI",
        "tenant_id": "Tenant ID",
        "certificate_file": "the file path of the service principal",
        "delete_at_deactivation": "Delete the record set at deactivation",
    },
}

# Types that bring their addresses last: what depends on them would wait for itself.
ADDRESSES: Final = frozenset({"azurepp", "lbpp", "azuredns", "fip", "vip"})
AZURE: Final = frozenset({"azurepp", "lbpp", "azuredns"})

# Where one of our types comes from, when it is not the distribution of its own name.
_DISTRIBUTIONS: Final[Mapping[str, str]] = {
    "azurednsw": "clpcore-azuredns",
    "diskw": "clpcore-disk",
    "fipw": "clpcore-fip",
    "ipw": "clpcore-netw",
    "lbppw": "clpcore-lbpp",
    "mdnw": "clpcore-md",
    "mdw": "clpcore-md",
    "miiw": "clpcore-netw",
    "mtw": "clpcore-userw",
    "pidw": "clpcore-exec",
    "witnesshb": "clpcore-witness",
}
_PLANNED: Final = frozenset(
    {
        *("azuredns", "disk", "exec", "fip", "hd", "lbpp", "loopback", "md", "vip"),
        *("genw", "httpw", "mrw", "mtw", "psw", "userw"),
        *("httpnp", "majoritynp", "pingnp", "witnesshb"),
    }
)


def distribution(type_: str) -> str:
    """Give the distribution that brings our type; empty when nobody makes one."""
    return _DISTRIBUTIONS.get(type_) or (f"clpcore-{type_}" if type_ in _PLANNED else "")


# Tags that hold nothing for us: about the file itself, or said elsewhere as well.
NEEDLESS: Final = (
    "all/charset",
    "all/encode",
    "all/serveros",
    "cluster/uuid",
    "group/gid",
    "heartbeat/types",
    "monitor/types",
    "networkpartition/types",
    "resource/types",
    "trekking/*",
    "webmgr/client/objectnumber",
)
# Tags that are known, and what clpcore has instead or not at all.
NOT_HERE: Final[Mapping[str, str]] = {
    "cluster/messages/*": "Mail and other destinations of messages are set in another way.",
    "cluster/rsctimeout/*": "A deactivation that stalls shuts its server down, as by default.",
    "cluster/sysinfo/*": "System figures are not collected.",
    "haltp/*": "A shutdown that hangs is ended by stop_budget and the watchdog.",
    "monitor/*/emergency/dumpcollect/*": "No dump is taken of a driver that is late.",
    "monitor/*/emergency/threshold/script": "A script is no rung of its own: before each "
    "reactivation runs scripts/monitor/NAME/before_reactivation.sh, if it is there.",
    "monitor/*/emergency/timeout/*": "A look without an answer counts as an error.",
    "monitor/diskw/parameters/method": "Say it by hand, if need be: method.",
    "monitor/diskw/parameters/size": "Whole blocks of 4096 bytes are read.",
    "monitor/*/parameters/default": "A script with a / is an absolute path.",
    "monitor/*/parameters/logrotate/*": "Logs are cut at 1 MB.",
    "monitor/userw/parameters/*": "The agent feeds the watchdog; what is looked at: write_size.",
    "monitor/azureppw/parameters/mode": "A port that does not answer is an error.",
    "pm/*": "systemd starts the agent again; the service goes on meanwhile.",
    "resource/*/parameters/logrotate/*": "Logs are cut at 1 MB.",
    "resource/azurepp/parameters/probetimeout": "The probe is answered at once.",
    "statsd/*": "Figures are told in Prometheus' way.",
    "webmgr/*": "The Web UI is set up in another way.",
}
