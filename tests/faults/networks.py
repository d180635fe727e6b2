"""Two hosts and a cable of their own: network namespaces that nobody else sees and that leave nothing behind.

The hosts have addresses of TEST-NET-1. Packets vanish on the way when the neighbour table gives them a hardware address
that no host has: no error, no reset and no answer comes back, as when a router or a firewall drops them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

NEAR, FAR = "192.0.2.1", "192.0.2.2"
"""The addresses of the input's host and of the Management Center's."""

_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET"""
_HARDWARE = {"near": "02:00:00:00:00:01", "far": "02:00:00:00:00:02"}
_NOBODY = "02:00:00:00:00:99"
_OWN_NAMESPACE = Path("/proc/thread-self/ns/net")

Result = TypeVar("Result")


class Unavailable(Exception):
    """Network namespaces cannot be had here; the text says why."""


class Network:
    """Two hosts, `near` with the input and `far` with the Management Center. Close it at the end.

    Raises Unavailable where this process may not make namespaces, or the `ip` command of iproute2 is missing.
    """

    def __init__(self) -> None:
        if shutil.which("ip") is None:
            raise Unavailable("the command ip (iproute2) is not installed")
        self._hosts = {"near": aside(_new_namespace), "far": aside(_new_namespace)}
        self.addresses = {"near": NEAR, "far": FAR}
        ends = (
            "near",
            "address",
            _HARDWARE["near"],
            "type",
            "veth",
            "peer",
            "name",
            "far",
            "address",
            _HARDWARE["far"],
        )
        try:
            self._ip("near", "link", "add", *ends)
            self._ip("near", "link", "set", "far", "netns", f"/proc/{os.getpid()}/fd/{self._hosts['far']}")
            for host in self._hosts:
                self._ip(host, "link", "set", "lo", "up")
                self._ip(host, "address", "add", f"{self.addresses[host]}/24", "dev", host)
                self._ip(host, "link", "set", host, "up")
        except subprocess.CalledProcessError as error:
            self.close()
            raise Unavailable(f"{' '.join(error.cmd)}: {error.stderr.strip()}") from error
        self.restore()

    def close(self) -> None:
        """Let go of both hosts, which end with the last of their sockets."""
        for namespace in self._hosts.values():
            os.close(namespace)

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Let this thread make its sockets, and start its threads, on a host."""
        before = os.open(_OWN_NAMESPACE, os.O_RDONLY)
        _enter(self._hosts[host])
        try:
            yield
        finally:
            _enter(before)
            os.close(before)

    def run_on(self, host: str, function: Callable[[], Result]) -> Result:
        """Call a function in a thread on a host, and return what it returns."""

        def there() -> Result:
            with self.on(host):
                return function()

        return aside(there)

    def lose(self, *senders: str) -> None:
        """Let what these hosts send vanish from here on."""
        for host in senders:
            self._direct(host, _NOBODY)

    def restore(self) -> None:
        """Let everything arrive again."""
        for host in self._hosts:
            self._direct(host, _HARDWARE[_other(host)])

    def move(self, host: str, address: str) -> None:
        """Give a host another address instead of the one it has."""
        self._ip(host, "address", "del", f"{self.addresses[host]}/24", "dev", host)
        self._ip(host, "address", "add", f"{address}/24", "dev", host)
        self.addresses[host] = address
        self.restore()

    def _direct(self, host: str, hardware: str) -> None:
        target = self.addresses[_other(host)]
        self._ip(host, "neighbour", "replace", target, "lladdr", hardware, "dev", host, "nud", "permanent")

    def _ip(self, host: str, *arguments: str) -> None:
        def run() -> None:
            subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)

        self.run_on(host, run)


def _other(host: str) -> str:
    return "far" if host == "near" else "near"


def aside(function: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own, and return what it returns or raise what it raises."""
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _new_namespace() -> int:
    """Return a descriptor of a network namespace that begins here; this thread ends in it."""
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        raise Unavailable("this system has no network namespaces")
    if unshare(_NEW_NETWORK):
        raise Unavailable(f"a network namespace cannot be made: {os.strerror(ctypes.get_errno())}")
    return os.open(_OWN_NAMESPACE, os.O_RDONLY)


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
