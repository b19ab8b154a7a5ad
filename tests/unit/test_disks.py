"""A library does not lie on a network file system unless somebody says that it may."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.library import Library
from engine.store import disks

MOUNTS = [
    b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
    b"30 22 0:40 / /mnt/my\\040disk rw shared:1 - nfs4 host:/x rw",
    b"31 30 0:41 / /mnt/my\\040disk/inner rw - fuse.sshfs host: rw",
    b"32 22 0:42 / /home rw - ext4 /dev/vdb rw",
    b"33 22 0:43 / /home rw - cifs //host/x rw",
]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib", "ext4"),
        ("/mnt/my disk", "nfs4"),
        ("/mnt/my disk/a/b", "nfs4"),
        ("/mnt/my disk/inner/a", "fuse.sshfs"),
        ("/mnt/my disks", "ext4"),
        ("/home/me", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_counts(folder: str, kind: str) -> None:
    assert disks.kind_of(Path(folder), MOUNTS) == kind


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on a network file system, as far as anybody can tell."""
    mounts = tmp_path / "mountinfo"
    folder = tmp_path / "remote"
    folder.mkdir()
    mounts.write_bytes(b"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / %b rw - nfs x rw\n" % bytes(folder))
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    return folder


def test_it_is_refused_and_nothing_is_made(remote: Path) -> None:
    with pytest.raises(EngineError, match=r"network file system \(nfs\).*--force"):
        Library.open(remote / "library", create=True, profile="hashed")
    assert list(remote.iterdir()) == []


def test_who_insists_once_is_not_asked_again(remote: Path) -> None:
    library = remote / "library"
    Library.open(library, create=True, profile="hashed", anywhere=True).close()
    Library.open(library).close()

    (library / "anywhere").unlink()
    with pytest.raises(EngineError, match="network"):
        Library.open(library)


COMMAND = """
import sys
from pathlib import Path
from cli.app import main
from engine.store import disks

disks._MOUNTS = Path(sys.argv.pop())
main()
"""


def test_the_command_line_refuses_it_until_it_is_forced_once(remote: Path, media: Path) -> None:
    environ = {**os.environ, "SEEHEAR_LIBRARY": str(remote / "library")}
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

    def index(*options: str) -> "subprocess.CompletedProcess[str]":
        line = ["index", str(media), "--profile", "hashed", *options, str(disks._MOUNTS)]
        command = [sys.executable, "-c", COMMAND, *line]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    refused = index()
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "network file system (nfs)" in refused.stderr
    assert "seehear index --force" in refused.stderr
    assert list(remote.iterdir()) == []

    assert index("--force").returncode == 0
    assert index().returncode == 0


def test_where_mounts_are_not_known_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "_MOUNTS", tmp_path / "none")
    disks.require_local(tmp_path)
