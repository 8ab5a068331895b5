"""Network devices of the current namespace, by rtnetlink and ioctl: no command is run for them."""

import array
import fcntl
import os
import socket
import struct
from typing import Protocol

_NEWLINK, _NEWADDR, _NEWROUTE = 16, 20, 24
_REQUEST, _ACK, _CREATE, _EXCL = 0x1, 0x4, 0x400, 0x200
_NLMSG_ERROR = 2
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF = 1, 4
_RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_LINK, _RTN_UNICAST = 254, 4, 253, 1
_IFF_UP = 0x1

_TUNSETIFF, _TUNSETCARRIER = 0x400454CA, 0x400454E2
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ETH_P_ALL = 0x0003
_RECEIVE_BUFFER = 4 << 20


def _attribute(kind: int, data: bytes) -> bytes:
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(-size % 4)


def _link_header(index: int = 0, *, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, change)


def _request(kind: int, flags: int, body: bytes) -> None:
    """Send one rtnetlink request and wait for its acknowledgement; OSError when refused."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        header = struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST | _ACK, 1, 0)
        netlink.send(header + body)
        answer = netlink.recv(65536)
    error = struct.unpack_from("=i", answer, 16)[0]
    if struct.unpack_from("=H", answer, 4)[0] == _NLMSG_ERROR and error:
        raise OSError(-error, f"rtnetlink request {kind}: {os.strerror(-error)}")


def set_link(name: str, *, up: bool) -> None:
    """Bring a device up or down."""
    flags = _IFF_UP if up else 0
    header = _link_header(socket.if_nametoindex(name), flags=flags, change=_IFF_UP)
    _request(_NEWLINK, 0, header)


def set_mac(name: str, mac: bytes) -> None:
    header = _link_header(socket.if_nametoindex(name))
    _request(_NEWLINK, 0, header + _attribute(_IFLA_ADDRESS, mac))


def add_address(name: str, address: str, prefix: int) -> None:
    """Give a device an IPv4 address; the route to its network comes with it."""
    packed = socket.inet_aton(address)
    index = socket.if_nametoindex(name)
    body = struct.pack("=BBBBi", socket.AF_INET, prefix, 0, 0, index)
    body += _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    _request(_NEWADDR, _CREATE | _EXCL, body)


def add_route(name: str, network: str, prefix: int) -> None:
    """Say that the hosts of a network are neighbours on this device: no gateway, ever."""
    body = struct.pack(
        "=BBBBBBBBI",
        *(socket.AF_INET, prefix, 0, 0),
        *(_RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_LINK, _RTN_UNICAST, 0),
    )
    body += _attribute(_RTA_DST, socket.inet_aton(network))
    body += _attribute(_RTA_OIF, struct.pack("=i", socket.if_nametoindex(name)))
    _request(_NEWROUTE, _CREATE | _EXCL, body)


class Port(Protocol):
    """The lab's end of a place's eth0; `fd` reads and writes its frames once it is open."""

    fd: int

    def open(self) -> None:
        """Make the descriptor ready; called in the home namespace of the switch."""

    def set_carrier(self, *, up: bool) -> None:
        """Show the place that its cable is in or out; called in the home namespace."""

    def close(self) -> None:
        """End the device, with whatever the kernel still wants to send."""


class Tap:
    """A TAP device in the namespace in which it is made."""

    def __init__(self, name: str) -> None:
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
        try:
            fcntl.ioctl(self.fd, _TUNSETIFF, request)
        except OSError:
            os.close(self.fd)
            raise

    def open(self) -> None:
        """Do nothing: a TAP is ready when it is made."""

    def set_carrier(self, *, up: bool) -> None:
        fcntl.ioctl(self.fd, _TUNSETCARRIER, struct.pack("i", up))

    def close(self) -> None:
        os.close(self.fd)


class Veth:
    """A pair of devices, for users who may not open a TAP: one here, one in the switch's home.

    The sums of TCP and UDP are made in software at this end: the far end is read by a program,
    and a frame with the sum left to the hardware would reach its receiver without one.
    """

    def __init__(self, name: str, *, far_name: str, far_namespace: int) -> None:
        self._far_name = far_name
        peer = _link_header() + _attribute(_IFLA_IFNAME, far_name.encode() + b"\0")
        peer += _attribute(_IFLA_NET_NS_FD, struct.pack("=I", far_namespace))
        info = _attribute(_INFO_KIND, b"veth")
        info += _attribute(_INFO_DATA, _attribute(_VETH_PEER, peer))
        body = _link_header() + _attribute(_IFLA_IFNAME, name.encode() + b"\0")
        _request(_NEWLINK, _CREATE | _EXCL, body + _attribute(_IFLA_LINKINFO, info))
        _sums_in_software(name)

    def open(self) -> None:
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._sock.setblocking(False)
        self._sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._sock.bind((self._far_name, _ETH_P_ALL))
        self.fd = self._sock.fileno()

    def set_carrier(self, *, up: bool) -> None:
        set_link(self._far_name, up=up)

    def close(self) -> None:
        """Close the descriptor; the pair ends with the namespace of the place."""
        self._sock.close()


def _sums_in_software(name: str) -> None:
    value = array.array("I", [_ETHTOOL_STXCSUM, 0])
    pointer = value.buffer_info()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP16x", name.encode(), pointer))
