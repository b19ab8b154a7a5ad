"""Pipes, sockets, devices, links, giants and names: what is no usual file of a usual name."""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from tests.faults.bad_pictures import Expected, pixels, put
from tests.making import caption

NAMES = (
    b"\xff\xfe bytes",
    b"new\nline",
    b"esc\x1b[31mred\x07\x1b]0;title\x07",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe".encode(),
    "\N{DOG FACE}\N{ZERO WIDTH JOINER}\N{ADULT}".encode(),
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode(),
    "cafe\N{COMBINING ACUTE ACCENT}".encode(),
    b"-rf",
    b" space ",
    b"%2e%2e%2fetc%2fpasswd",
    b"\"quotes\" 'and' `more`",
    b"<img src=x onerror=alert(1)>",
    b"[bold]markup[" + b"]",
    b"?#&;|$(reboot)*\\",
    b"tab\tcr\rend",
    "\N{LINE SEPARATOR}line\N{BYTE ORDER MARK}".encode(),
    b"\xed\xa0\x80 half a pair",
    b"CON.",
)
"""Without their suffix."""

NAME_BYTES, PATH_BYTES = 255, 4_000
DEEP_BYTES = 5_000
"""Longer than any path that the system takes."""


def make_names(folder: Path) -> Expected:
    """Good files of odd names, and a bad one beside each."""
    folder.mkdir()
    names = [*NAMES, b"n" * (NAME_BYTES - 6)]
    made: Expected = {}
    for number, name in enumerate(names):
        stem = os.fsdecode(name)
        made[caption(folder / f"{stem}g.txt", f"words of name number {number}")] = "indexed"
        made |= put(folder / f"{stem}b.jpg", b"", "empty")
    long = folder
    while len(os.fsencode(long)) + NAME_BYTES < PATH_BYTES:
        long /= "d" * 200
    long.mkdir(parents=True)
    rest = PATH_BYTES - len(os.fsencode(long)) - 1
    made[caption(long / ("f" * (rest - 4) + ".txt"), "words at a long path")] = "indexed"
    return made


def make_deep(folder: Path) -> Expected:
    """Folders within folders, whose path is longer than the system takes."""
    folder.mkdir()
    here, path = os.open(folder, os.O_RDONLY), folder
    while len(os.fsencode(path)) < DEEP_BYTES:
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, path = inner, path / ("d" * 200)
    os.close(here)
    limit = os.pathconf(folder, "PC_PATH_MAX")
    too_long = [one for one in (path, *path.parents) if len(os.fsencode(one)) >= limit]
    return {min(too_long, key=lambda one: len(str(one))): "io"}


def make_special(folder: Path) -> tuple[Expected, list[str]]:
    """No regular files; what could not be made is said."""
    folder.mkdir()
    made: Expected = {}
    for name in ("pipe.png", "pipe.wav", "pipe.txt", "pipe.mp4"):
        os.mkfifo(folder / name)
        made[folder / name] = "not-regular"
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket may not be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jpg")
    os.chdir(here)
    made[folder / "socket.jpg"] = "not-regular"
    notes = []
    devices = {"zero.jpg": (stat.S_IFCHR, 1, 5), "disk.mp4": (stat.S_IFBLK, 7, 200)}
    for name, (kind, major, minor) in devices.items():
        try:
            os.mknod(folder / name, kind | 0o600, os.makedev(major, minor))
        except PermissionError:
            notes.append(f"special: device {name}: NOT RUN, only root may make one")
        else:
            made[folder / name] = "not-regular"
    (folder / "folder.jpg").mkdir()
    return made | put(folder / "folder.jpg" / "inside.png", pixels((5, 5)), "indexed"), notes


def make_links(folder: Path) -> Expected:
    """Links of all sorts: soft ones are not followed, hard ones are files."""
    folder.mkdir()
    outside = folder.parent.parent / "outside"
    outside.mkdir(exist_ok=True)
    caption(outside / "out.txt", "outside of the root")
    targets = {
        "loop.jpg": "loop.jpg",
        "ping": "pong",
        "pong": "ping",
        "parent": "..",
        "root": str(folder.parent),
        "out": str(outside),
        "out.txt": str(outside / "out.txt"),
        "broken.jpg": "nowhere.jpg",
        "zero.txt": "/dev/zero",
        "slash": "/",
    }
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    made = put(folder / "one.png", pixels((6, 5)), "indexed")
    for name in ("two.png", "three.jpg"):
        (folder / name).hardlink_to(folder / "one.png")
        made[folder / name] = "indexed"
    return made | {folder / name: "unseen" for name in targets}


def make_giants(folder: Path) -> Expected:
    """Files of enormous size that take no room."""
    folder.mkdir()
    sizes = {
        "tera.wav": (1 << 40, b"RIFF\xff\xff\xff\xffWAVEfmt ", "too-big"),
        "tera.png": (1 << 40, pixels((7, 5)), "too-big"),
        "tera.mp4": (1 << 40, b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "too-big"),
        "tera.txt": (1 << 40, b"", "binary"),
        "tera.jpg": (1 << 40, b"", "undecodable"),
        "five.jpg": (5 * 10**9, b"", "undecodable"),
        "five.txt": (5 * 10**9, b"", "binary"),
        "five.png": (5 * 10**9, pixels((8, 5)), "too-big"),
    }
    made: Expected = {}
    for name, (size, head, expected) in sizes.items():
        made |= put(folder / name, head, expected)
        with suppress(OSError):
            os.truncate(folder / name, size)
        if (folder / name).stat().st_size != size:  # a file system may hold no such file
            made.pop(folder / name)
            (folder / name).unlink()
    return made
