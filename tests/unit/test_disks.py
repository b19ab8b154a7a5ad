"""A library does not lie on a network file system unless somebody says that it may."""

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


def test_where_mounts_are_not_known_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "_MOUNTS", tmp_path / "none")
    disks.require_local(tmp_path)
