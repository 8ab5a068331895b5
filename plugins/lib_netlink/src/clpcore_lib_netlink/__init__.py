"""What the kernel knows of network interfaces and addresses, and which addresses are ours."""

from __future__ import annotations

from clpcore_lib_netlink.asking import ask as ask
from clpcore_lib_netlink.kernel import Held as Held
from clpcore_lib_netlink.kernel import Link as Link
from clpcore_lib_netlink.kernel import add as add
from clpcore_lib_netlink.kernel import addresses as addresses
from clpcore_lib_netlink.kernel import links as links
from clpcore_lib_netlink.kernel import remove as remove
from clpcore_lib_netlink.kernel import set_sysctl as set_sysctl
