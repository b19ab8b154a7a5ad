"""Nothing leaves this machine: a connection to anywhere else is refused, and written down.

Imported by the tests' own process; as `sitecustomize` it is imported by every Python that the tests
start with our PYTHONPATH. Whoever swallows the error is found by what was written down. Programs in
C, and Python with -I, are not seen; pip is let through, since it fetches weights that are not here.
"""

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

WRITTEN = "connections.txt"
"""Beside the `sitecustomize` that is in use: one line for each attempt."""

_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
    }
)


class LeftMachineError(RuntimeError):
    """Something wanted to go out; no OSError, which is what networks fail with every day."""


def is_here(address: object) -> bool:
    """Whether an address or host, as an audit event names it, is on this machine."""
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(address, tuple) and isinstance(host, int):  # netlink
        return True
    if host is None or (not isinstance(address, tuple) and str(host).startswith(("/", "b'", "\0"))):
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name in {"", "localhost", "testserver"}


_books: list[Path] = []
"""Where it is written down: one file, once somebody watches."""


def watch(written: Path) -> None:
    """From now on, refuse and write down there; there is no way back."""
    started_so: Any = sys.modules.get("sitecustomize")
    if __name__ != "sitecustomize" and hasattr(started_so, "LeftMachineError"):
        started_so.watch(written)  # as in the processes of pytest-xdist
        return
    if not _books:
        sys.addaudithook(_refuse)
    _books[:] = [written]


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    address = arguments[0 if event in {"socket.getaddrinfo", "socket.gethostbyname"} else 1]
    if not is_here(address):
        with _books[0].open("a", encoding="utf-8") as out:
            out.write(f"{event} {address} by {sys.orig_argv[:4]}\n")
        raise LeftMachineError(f"{event} {address}")


if __name__ == "sitecustomize" and "pip" not in sys.orig_argv[:4]:
    watch(Path(os.path.abspath(__file__)).with_name(WRITTEN))  # noqa: PTH100  (no import of ours)
