"""A disk that loses power: what was synced is there, and any part of what was not.

Of each unsynced write any of its 512-byte sectors may be there, and of each change of a folder's
names any (Pillai et al., All File Systems Are Not Created Equal, OSDI 2014).
"""

import os
import random
from dataclasses import dataclass, field

SECTOR = 512
FOLDER = -1
"""In place of a file's number."""


@dataclass(frozen=True)
class Event:
    """What a traced process did to a file.

    Attributes:
        kind: make, mkdir, write, cut, sync (of a folder too), rename, unlink, or acknowledge.
        path: relative to the library.
        at: offset of a write, length of a cut.
        data: of a write; of an acknowledgement, its line.
        target: of a rename.
    """

    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    target: str = ""


@dataclass
class _File:
    """A file as it surely is on disk, and what may be there too."""

    data: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def settle(self) -> None:
        for event in self.pending:
            _apply(self.data, event)
        self.pending.clear()


@dataclass
class Disk:
    """Files by number, the names that are surely there, and changes of names that may be."""

    files: dict[int, _File] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    durable: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[str, str, int | None]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Do what the traced process did."""
        match event.kind:
            case "make" if event.path not in self.live:
                number = len(self.files)
                self.files[number] = _File()
                self._name(event.path, number)
            case "mkdir":
                self._name(event.path, FOLDER)
            case "write" | "cut":
                self.files[self.live[event.path]].pending.append(event)
            case "sync" if self.live.get(event.path, FOLDER) != FOLDER:
                self.files[self.live[event.path]].settle()
            case "sync":
                self._sync_names(event.path)
            case "rename":
                self._name(event.target, self.live[event.path])
                self._name(event.path, None)
            case "unlink":
                self._name(event.path, None)

    def _name(self, path: str, number: int | None) -> None:
        if number is None:
            self.live.pop(path, None)
        else:
            self.live[path] = number
        self.pending.append((os.path.dirname(path), path, number))  # noqa: PTH120

    def _sync_names(self, folder: str) -> None:
        for change in [one for one in self.pending if one[0] == folder]:
            _rename(self.durable, change)
            self.pending.remove(change)

    def after_power_loss(self, dice: random.Random) -> dict[str, bytes]:
        """What may be found: files by their names."""
        names, upto = dict(self.durable), dice.randint(0, len(self.pending))
        for number, change in enumerate(self.pending):
            # Names are journalled in order, or in none: half of the states take each.
            if number < upto or (upto % 2 and dice.random() < 0.5):
                _rename(names, change)
        folders = {"", *(path for path, number in names.items() if number == FOLDER)}
        return {
            path: _torn(self.files[number], dice)
            for path, number in names.items()
            if number != FOLDER and os.path.dirname(path) in folders  # noqa: PTH120
        }


def _rename(names: dict[str, int], change: tuple[str, str, int | None]) -> None:
    _, path, number = change
    if number is None:
        names.pop(path, None)
    else:
        names[path] = number


def _apply(data: bytearray, event: Event) -> None:
    if event.kind == "cut":
        del data[event.at :]
        data.extend(bytes(event.at - len(data)))
        return
    if len(data) < event.at:
        data.extend(bytes(event.at - len(data)))
    data[event.at : event.at + len(event.data)] = event.data


def _torn(file: _File, dice: random.Random) -> bytes:
    """A file with some sectors of some writes that were not synced."""
    data, share = bytearray(file.data), dice.choice((0.0, 0.5, 0.9, 1.0))
    for event in file.pending:
        if event.kind == "cut":
            if dice.random() < share:
                _apply(data, event)
            continue
        for start in range(0, len(event.data), SECTOR):
            if dice.random() < share:
                part = event.data[start : start + SECTOR]
                _apply(data, Event("write", event.path, event.at + start, part))
    return bytes(data)
