"""Files that cannot be indexed: one line each with the reason, and their neighbours unharmed."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from terminal import Terminal, as_nobody

from engine.library import Library
from indexer import scan as walk
from indexer.scan import scan
from making import caption, picture, tone

GOOD = (
    "clip-as-sound.mp3",
    "clip.mp4",
    "fine.png",
    "fine.txt",
    "fine.wav",
    "really-a-png.jpg",
    "really-a-wav.mp3",
    "zz.png",
)

REASONS = {
    "address.mp3": "container-not-allowed",
    "cut.flac": "truncated",
    "cut.jpg": "truncated",
    "cut.png": "truncated",
    "device.wav": "not-regular",
    "drawing.svg": "unsupported",
    "empty.jpg": "empty",
    "empty.mp3": "empty",
    "empty.txt": "empty",
    "huge.png": "too-many-pixels",
    "huge.wav": "too-big",
    "list.m3u8": "unsupported",
    "list.mp3": "container-not-allowed",
    "nul.txt": "binary",
    "page.jpg": "undecodable",
    "pipe.png": "not-regular",
    "random.mp3": "undecodable",
    "random.png": "undecodable",
    "socket.jpg": "not-regular",
    "spaces.txt": "blank",
    "text-as.wav": "undecodable",
    "vector-as.png": "unsupported",
}


def film(path: Path) -> None:
    """A few frames of an MPEG-4 film."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def lossless(path: Path) -> None:
    """A second of noise as FLAC."""
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (1, 16_000), dtype=np.int16)
    with av.open(str(path), "w", format="flac") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def cut(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])


def make_broken(root: Path) -> None:
    """One file for each line of REASONS, links and a folder with names of pictures."""
    random = np.random.default_rng(1).bytes(5_000)
    (root / "address.mp3").write_text("http://127.0.0.1:9/x")
    lossless(root / "cut.flac")
    cut(root / "cut.flac", 120)
    for name in ("cut.jpg", "cut.png"):
        picture(root / name, seed=5, size=(300, 300))
        cut(root / name, (root / name).stat().st_size // 3)
    film(root / "clip.mp4")
    (root / "clip-as-sound.mp3").write_bytes((root / "clip.mp4").read_bytes())
    (root / "drawing.svg").write_text("<svg/>")
    for name in ("empty.jpg", "empty.mp3", "empty.txt"):
        (root / name).touch()
    Image.new("1", (20_000, 20_000)).save(root / "huge.png")
    with (root / "huge.wav").open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWAVEfmt ")
        file.truncate(1 << 40)
    for name in ("list.m3u8", "list.mp3"):
        (root / name).write_text("#EXTM3U\nhttp://127.0.0.1:9/x.mp3\n")
    (root / "nul.txt").write_bytes(b"\0" * 5_000)
    (root / "page.jpg").write_text("<!DOCTYPE html><html>404</html>")
    (root / "random.mp3").write_bytes(b"\1" + random)
    (root / "random.png").write_bytes(b"\1" + random[1:])
    (root / "spaces.txt").write_text(" \n\t\n")
    (root / "text-as.wav").write_text("only words")
    (root / "vector-as.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")


def make_special(root: Path) -> Iterator[socket.socket]:
    os.mkfifo(root / "pipe.png")
    os.mkfifo(root / "device.wav")  # a device needs root; both are no regular files
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "up").symlink_to("..")
    (root / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root)  # the name of a socket may not be long
        listener.bind("socket.jpg")
        os.chdir(here)
        yield listener


@pytest.fixture
def root(seehear: Terminal) -> Iterator[Path]:
    """Good files among broken ones."""
    root = seehear.folder / "root"
    root.mkdir()
    make_broken(root)
    picture(root / "fine.png", seed=1)
    caption(root / "fine.txt", "a fine day")
    tone(root / "fine.wav", hertz=440)
    picture(root / "a.png", seed=2).rename(root / "really-a-png.jpg")
    tone(root / "a.wav", hertz=880).rename(root / "really-a-wav.mp3")
    picture(root / "zz.png", seed=3)
    for _ in make_special(root):
        picture(root / "folder.jpg" / "inside.png", seed=4)
        yield root


def commits_of(seehear: Terminal) -> int:
    with Library.open(seehear.library) as opened:
        return opened.status().seq


def test_each_has_its_reason_and_neighbours_are_indexed(seehear: Terminal, root: Path) -> None:
    report = seehear.index(root, code=3)
    reasons = {Path(one["path"]).name: one["reason"].split(":")[0] for one in report["skipped"]}
    assert reasons == REASONS
    copies = 1  # the film under the name of a sound
    assert report["added"] == report["encoded"] + copies == len(GOOD) + 1
    found = {path.name for path in seehear.found("--image", root / "fine.png", "-k", "50")}
    twins = {"clip.mp4", "clip-as-sound.mp3"}  # whichever a thread read first stands for both
    assert len(found & twins) == 1, "equal bytes share a hit"
    assert found | twins == {*GOOD, "inside.png"}

    commits = commits_of(seehear)
    again = seehear.index(root, code=3)
    assert commits_of(seehear) == commits, "failed files were worked on again"
    assert again["skipped"] == report["skipped"]
    assert (again["encoded"], again["added"], again["kept"]) == (0, 0, len(GOOD) + 1)
    assert seehear("verify").code == 0


def test_every_line_is_for_a_person(seehear: Terminal, root: Path) -> None:
    ended = seehear("index", "--profile", "hashed", root)
    assert ended.code == 3
    lines = [line for line in ended.out.splitlines() if line.startswith("  skipped ")]
    assert len(lines) == len(REASONS)
    for name in REASONS:
        assert sum(f"/{name}: " in line for line in lines) == 1, name
    problems = seehear("status", "--json").json["problems"]
    known = {Path(one["path"]).name for one in problems}
    assert known <= set(REASONS)
    assert {"empty.jpg", "cut.png", "page.jpg", "huge.wav", "nul.txt"} <= known


def test_a_mended_file_is_indexed(seehear: Terminal) -> None:
    root = seehear.folder / "root"
    root.mkdir()
    (root / "a.png").touch()
    seehear.index(root, code=3)
    picture(root / "a.png", seed=1)
    report = seehear.index(root)
    assert (report["encoded"], report["skipped"]) == (1, [])
    cut(root / "a.png", 60)
    report = seehear.index(root, code=3)
    assert (report["encoded"], len(report["skipped"])) == (0, 1)
    assert seehear("search", "--image", root / "a.png").code == 2
    assert seehear("search", "anything").code == 1
    assert seehear("verify").code == 0


def test_copies_of_a_broken_file(seehear: Terminal) -> None:
    root = seehear.folder / "root"
    root.mkdir()
    for number in range(3):
        picture(root / f"{number}.png", seed=5, size=(300, 300))
        cut(root / f"{number}.png", 700)
    report = seehear.index(root, code=3)
    assert [one["reason"].split(":")[0] for one in report["skipped"]] == ["truncated"] * 3


def test_files_without_permission(open_folder: Terminal) -> None:
    root = open_folder.folder / "root"
    root.mkdir()
    picture(root / "a.png", seed=1)
    caption(root / "b.txt", "nobody may start another python here, but a text takes none")
    (root / "a.png").chmod(0)
    ended = open_folder.alone("index", root, "--json", "--profile", "hashed", before=as_nobody())
    assert ended.code == 3
    assert [one["reason"].split(":")[0] for one in ended.json["skipped"]] == ["permission"]
    assert ended.json["encoded"] == 1


def test_broken_files_one_by_one(seehear: Terminal, root: Path) -> None:
    """A target that is a file itself is judged alike, and reported by its own name."""
    seehear.index(root, code=3)
    for name in ("pipe.png", "huge.wav", "page.jpg", "loop.jpg", "dangling.jpg"):
        ended = seehear("search", "--image", root / name)
        assert ended.code == 2, (name, ended)
        assert name in ended.err
        assert ended.out == ""
    for name in ("pipe.png", "page.jpg"):
        assert seehear.index(root / name, code=3)["encoded"] == 0


def test_a_folder_that_may_be_listed_but_not_entered(seehear: Terminal) -> None:
    """Its files cannot even be looked at; each is one line, and the neighbours are indexed."""
    root = seehear.folder / "listed"
    (root / "closed").mkdir(parents=True)
    picture(root / "open.png", seed=1)
    picture(root / "closed" / "inside.png", seed=2)

    def denied(name: str, status: os.stat_result, *, real: Any = walk._entry) -> Any:
        if name == "inside.png":
            raise PermissionError(13, "Permission denied")
        return real(name, status)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "_entry", denied)
        found = scan(root, root)

    assert [one.path for one in found.files] == [b"open.png"]
    assert found.unreadable == [(root / "closed" / "inside.png", "permission: Permission denied")]
