"""A run traced with strace: what it did to the files of a library, in order."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.faults.disk import Event

CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink,mkdir,lseek"
ACKNOWLEDGED = "acknowledged"
"""The child writes to a file of this name before and after each commit."""


class NotInstalledError(Exception):
    """There is no strace."""


def traced(place: Path, environ: dict[str, str]) -> list[Event]:
    """What a run does to a library: it is made, grows, is changed, and publishes snapshots."""
    if shutil.which("strace") is None:
        raise NotInstalledError
    log = place / "log"
    command = ["strace", "-f", "-qq", "-y", "-xx", "-s", "10000000", "-o", str(log)]
    command += ["-e", f"trace={CALLS}", "-e", "signal=none", sys.executable]
    command += ["-m", "tests.faults.power_child", str(place)]
    subprocess.run(command, check=True, env={**os.environ, **environ})
    return list(_events(log, place / "library"))


_LINE = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_FD = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*|[^>]*)>")


def _events(log: Path, library: Path) -> Iterator[Event]:
    """Events of a trace, in order."""
    places: dict[int, int] = {}
    for line in _whole_lines(log):
        found = _LINE.match(line)
        if found is None or int(found[3]) < 0:
            continue
        yield from _event(found[1], found[2], int(found[3]), library, places)


def _whole_lines(log: Path) -> Iterator[str]:
    """Lines of a trace; a call that another thread interrupted is put together again."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            text = line.rstrip("\n")
            pid = text.split(maxsplit=1)[0]
            if text.endswith("<unfinished ...>"):
                begun[pid] = text.removesuffix("<unfinished ...>")
            elif found := _RESUMED.match(text):
                yield begun.pop(found[1], f"{pid} ") + found[2]
            else:
                yield text


def _event(  # noqa: C901, PLR0912
    call: str, arguments: str, result: int, library: Path, places: dict[int, int]
) -> Iterator[Event]:
    strings = [_bytes(one) for one in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)]
    held = _FD.match(arguments)
    path = _inside(_bytes(held[2]) if held else b"", library)
    if call in {"rename", "unlink", "mkdir"}:
        names = [_inside(one, library) for one in strings]
        if names[0]:
            yield Event(call, names[0], target=(names[1] or "") if call == "rename" else "")
    elif call == "openat":
        name = _inside(strings[0], library)
        places[result] = 0
        if name is not None and "O_CREAT" in arguments and not _is_memory(name):
            yield Event("make", name)
            if "O_TRUNC" in arguments:
                yield Event("cut", name, 0)
    elif path is None or held is None or _is_memory(path):
        return
    elif path == ACKNOWLEDGED:
        if call == "write":
            yield Event("acknowledge", path, data=strings[0])
    elif call == "pwrite64":
        at = int(arguments.rsplit(",", 1)[1])
        yield Event("write", path, at, strings[0][:result])
    elif call == "write":
        descriptor = int(held[1])
        at = places.get(descriptor, 0)
        places[descriptor] = at + result
        yield Event("write", path, at, strings[0][:result])
    elif call == "lseek":
        places[int(held[1])] = result
    elif call in {"fsync", "fdatasync"}:
        yield Event("sync", path)
    elif call == "ftruncate":
        yield Event("cut", path, int(arguments.rsplit(",", 1)[1]))


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.replace("\\x", "")) if "\\x" in written else written.encode()


def _inside(path: bytes, library: Path) -> str | None:
    """A path relative to the library; empty for the library itself, None for another place."""
    name = os.fsdecode(path)
    base = str(library)
    if name == base:
        return ""
    return name.removeprefix(base + "/") if name.startswith(base + "/") else None


def _is_memory(name: str) -> bool:
    """Whether a file is there for running processes only."""
    return name.endswith("-shm") or name == "writer.lock"
