"""Files are judged by what they are and what is in them, and nothing makes the judging hang."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import EngineError, MediaError
from engine.media.endings import is_cut
from engine.media.formats import identify, is_unsupported_media, modality_of_suffix, sniff
from engine.media.probe import digest, most_bytes, probe
from engine.media.reasons import Reason
from engine.types import Modality

HEADS = {
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "gif": b"GIF89a\1\0\1\0",
    "webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "bmp": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    "tiff": b"MM\0*\0\0\0\x08",
    "ico": b"\0\0\1\0\1\0\x10\x10",
    "avif": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1",
    "heic": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
    "wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "w64": b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb",
    "flac": b"fLaC\0\0\0\x22",
    "ogg": b"OggS\0\2\0\0",
    "mp3": b"\xff\xfb\x90\x64\0\0",
    "aac": b"\xff\xf1\x50\x80\x2b\x9f",
    "m4a": b"\0\0\0\x1cftypM4A \0\0\2\0",
    "aiff": b"FORM\0\0\0\x20AIFCFVER",
    "caf": b"caff\0\1\0\0desc",
    "au": b".snd\0\0\0\x20",
    "wv": b"wvpk\xb6\x2b\0\0",
    "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
    "mkv": b"\x1aE\xdf\xa3\x9f\x42\x86\x81",
    "mp4": b"\0\0\0\x1cftypisom\0\0\2\0",
    "avi": b"RIFF\x10\0\0\0AVI LIST",
    "flv": b"FLV\1\5\0\0\0\x09",
    "mpg": b"\0\0\1\xba\x44\0\4",
    "ts": (b"G" + bytes(187)) * 6,
    "ogv": b"OggS\0\2" + bytes(22) + b"\x80theora\3\2",
}
FILMS = {"mp4", "mkv", "wmv", "avi", "flv", "mpg", "ts", "ogv"}
IMAGES = {"jpeg", "png", "gif", "webp", "bmp", "tiff", "ico", "avif", "heic"}


@contextmanager
def unprivileged() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def reason_of(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path)
    return caught.value.reason


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("found", HEADS)
def test_the_content_decides_whatever_the_name_says(tmp_path: Path, found: str) -> None:
    wrong = "x.m4a" if found in IMAGES else "x.jpg"
    modality = Modality.IMAGE if found in IMAGES else Modality.AUDIO
    modality = Modality.VIDEO if found in FILMS else modality

    result = probe(put(tmp_path, wrong, HEADS[found]))

    assert (result.modality, result.format) == (modality, found)


@pytest.mark.parametrize(
    ("name", "found", "audio"),
    [
        ("x.m4a", "mp4", "m4a"),
        ("x.m4b", "mp4", "m4a"),
        ("x.mka", "mkv", "mka"),
        ("x.weba", "mkv", "mka"),
        ("x.wma", "wmv", "wma"),
        ("x.opus", "ogv", "ogg"),
    ],
)
def test_a_container_is_a_recording_where_the_name_says_so(
    tmp_path: Path, name: str, found: str, audio: str
) -> None:
    result = probe(put(tmp_path, name, HEADS[found]))

    assert (result.modality, result.format) == (Modality.AUDIO, audio)


@pytest.mark.parametrize("found", ["m4a", "mp4", "mkv", "wmv", "ogg"])
def test_a_container_is_a_film_where_the_name_says_so(tmp_path: Path, found: str) -> None:
    film = {"m4a": "mp4", "ogg": "ogv"}.get(found, found)

    result = probe(put(tmp_path, "x.mov", HEADS[found]))

    assert (result.modality, result.format) == (Modality.VIDEO, film)


@pytest.mark.parametrize("box", [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"])
def test_old_quicktime_is_known_by_its_first_box(tmp_path: Path, box: bytes) -> None:
    assert probe(put(tmp_path, "x.mov", b"\0\0\0\x08" + box + bytes(20))).format == "mp4"


def test_a_camera_puts_time_codes_into_a_transport_stream(tmp_path: Path) -> None:
    assert probe(put(tmp_path, "x.mts", (bytes(4) + b"G" + bytes(187)) * 6)).format == "ts"


def test_a_probe_tells_size_time_and_identity(tmp_path: Path) -> None:
    path = put(tmp_path, "a.png", HEADS["png"])
    os.utime(path, ns=(1, 1_234_567_890_123_456_789))
    (tmp_path / "b.png").hardlink_to(path)

    first, second = probe(path), probe(tmp_path / "b.png")

    assert (first.size, first.mtime_ns) == (len(HEADS["png"]), 1_234_567_890_123_456_789)
    assert (first.device, first.inode) == (second.device, second.inode)


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("IMG_0001.JPG", Modality.IMAGE),
        ("a.heic", Modality.IMAGE),
        ("a.b.opus", Modality.AUDIO),
        ("notes.md", Modality.TEXT),
        ("film.MP4", Modality.VIDEO),
        ("source.ts", None),
        ("song.m3u8", None),
        ("README", None),
        (".png", None),
    ],
)
def test_a_scan_goes_by_the_end_of_a_name(name: str, modality: Modality | None) -> None:
    assert modality_of_suffix(name) is modality


@pytest.mark.parametrize("end", ["svg", "pdf", "psd", "nef", "CR2", "vob", "rm", "m3u8", "jxl"])
def test_known_media_that_we_do_not_read_is_recognised(tmp_path: Path, end: str) -> None:
    assert is_unsupported_media(f"x.{end}")
    # Even where the content looks familiar: a raw photo begins like a TIFF.
    assert reason_of(put(tmp_path, f"x.{end}", HEADS["tiff"])) == "unsupported"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.jpg", b"", "empty"),
        ("x.wav", b"", "empty"),
        ("x.txt", b"", "empty"),
        ("x.jpg", b"<!DOCTYPE html><title>404</title>", "undecodable"),
        ("x.jpg", bytes(range(7, 200)), "undecodable"),
        ("x.qqq", bytes(range(7, 200)), "unsupported"),
        ("x.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        ("x.jpg", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- --><svg/>", "unsupported"),
        ("x.jpg", b"%PDF-1.7\n", "unsupported"),
        ("x.jpg", b"8BPS\0\1", "unsupported"),
        ("x.mp3", b"#EXTM3U\nhttp://127.0.0.1/a.mp3\n", "container-not-allowed"),
        ("x.mp3", b"\n #extm3u\n", "container-not-allowed"),
        ("x.wav", b"ffconcat version 1.0\nfile /etc/passwd\n", "container-not-allowed"),
        ("x.m4a", b"<?xml version='1.0'?><MPD></MPD>", "container-not-allowed"),
        ("x.m4a", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "container-not-allowed"),
        ("x.ogg", b"[playlist]\nFile1=http://127.0.0.1/\n", "container-not-allowed"),
        ("x.ogg", b"http://127.0.0.1/stream\n", "container-not-allowed"),
        ("x.mp4", b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", "container-not-allowed"),
        ("x.mkv", b"ffconcat version 1.0\nfile /etc/passwd\n", "container-not-allowed"),
        ("x.mov", b"<?xml version='1.0'?><MPD></MPD>", "container-not-allowed"),
        ("x.avi", b"GARBAGE that no film begins with", "undecodable"),
        ("x.txt", b"\0" * 50 + b"a" * 50, "binary"),
        ("x.txt", HEADS["png"] + bytes(range(256)) * 4, "binary"),
    ],
)
def test_what_is_not_read_has_a_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    assert reason_of(put(tmp_path, name, data)) == reason


@pytest.mark.parametrize(
    "data",
    [b"BM is a word", b"ID3 tags explained", "Grüße".encode("cp1252"), b"a\0b" + b"c" * 200]
    + [mark + "Grüße".encode("utf-16-le") for mark in (b"\xff\xfe",)],
)
def test_texts_stay_texts(tmp_path: Path, data: bytes) -> None:
    result = probe(put(tmp_path, "x.txt", data))

    assert (result.modality, result.format) == (Modality.TEXT, "txt")


def test_what_stands_behind_an_id3_tag_decides(tmp_path: Path) -> None:
    tag = b"ID3\4\0\0\0\0\x50\0" + bytes(0x50 << 7)

    assert probe(put(tmp_path, "a.mp3", tag + HEADS["mp3"])).format == "mp3"
    assert probe(put(tmp_path, "b.mp3", tag + HEADS["flac"])).format == "flac"
    assert probe(put(tmp_path, "c.mp3", tag + b"padding")).format == "mp3"


def test_ordinary_words_are_no_media() -> None:
    for head in (b"BM is a word that starts a text", b"\xff\xff\xff\xff", b"\xff\xfe\0", b""):
        assert sniff(head) is None


def test_every_suffix_has_one_meaning() -> None:
    for name in ("x.jpg", "x.flac", "x.txt"):
        assert modality_of_suffix(name)
        assert not is_unsupported_media(name)


@pytest.mark.parametrize("kind", ["folder", "link", "broken link", "pipe", "socket", "device"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.jpg"
    listener = socket.socket(socket.AF_UNIX)
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(put(tmp_path, "real.jpg", HEADS["jpeg"]))
        case "broken link":
            path.symlink_to(tmp_path / "nowhere")
        case "pipe":
            os.mkfifo(path)
        case "socket":
            listener.bind(str(path))
        case _:
            path = Path("/dev/zero")
    with listener:
        start = time.monotonic()

        assert reason_of(path) == "not-regular"
        with pytest.raises(MediaError, match="not-regular"):
            digest(path)
        assert time.monotonic() - start < 1


def test_a_file_that_turns_into_a_pipe_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular = put(tmp_path, "a.jpg", HEADS["jpeg"]).stat()
    pipe = tmp_path / "b.jpg"
    os.mkfifo(pipe)
    monkeypatch.setattr(os, "lstat", lambda _: regular)
    done = threading.Event()
    threading.Thread(target=lambda: (reason_of(pipe), done.set()), daemon=True).start()

    assert done.wait(2)


def test_a_file_that_turns_into_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "a.jpg", HEADS["jpeg"])
    link = tmp_path / "b.jpg"
    link.symlink_to(path)
    regular = path.stat()
    monkeypatch.setattr(os, "lstat", lambda _: regular)

    assert reason_of(link) == "not-regular"


def test_a_device_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))

    assert reason_of(Path("/dev/zero")) == "not-regular"


def test_operating_system_errors_become_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reason_of(tmp_path / "gone.jpg") == "vanished"
    assert reason_of(put(tmp_path, "a.jpg", HEADS["jpeg"]) / "below.jpg") == "vanished"

    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", broken)
    assert reason_of(tmp_path / "a.jpg") == "io"


def test_a_file_that_may_not_be_read_says_permission(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jpg", HEADS["jpeg"])
    path.chmod(0)

    with unprivileged():
        assert reason_of(path) == "permission"


def test_a_digest_is_the_sha256_of_all_bytes(tmp_path: Path) -> None:
    data = os.urandom((2 << 20) + 17)

    assert digest(put(tmp_path, "a.bin", data)) == hashlib.sha256(data).digest()
    assert digest(put(tmp_path, "b.bin", b"")) == hashlib.sha256(b"").digest()


def test_a_huge_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    start = time.monotonic()

    with pytest.raises(MediaError, match="too-big"):
        digest(path)

    assert time.monotonic() - start < 1
    with pytest.raises(MediaError, match="too-big"):
        digest(put(tmp_path, "b", b"12345"), at_most=4)


def test_of_pictures_and_texts_less_is_read_than_of_recordings() -> None:
    limits = {one: most_bytes(one) for one in Modality}
    assert limits[Modality.IMAGE] == limits[Modality.TEXT] < 5 * 10**9
    assert limits[Modality.AUDIO] == limits[Modality.VIDEO] > 5 * 10**9


def test_a_run_that_is_stopped_waits_for_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    path.touch()
    os.truncate(path, 8 << 30)
    asked = []

    def stop() -> None:
        asked.append(True)
        raise EngineError("Stopped.")

    with pytest.raises(EngineError, match="Stopped"):
        digest(path, meanwhile=stop)
    assert len(asked) == 1


def test_reasons_are_plain_words() -> None:
    assert Reason.TOO_MANY_PIXELS == "too-many-pixels"
    assert str(MediaError(Reason.EMPTY, "nothing")) == "empty: nothing"


def test_identify_needs_no_file() -> None:
    assert identify(HEADS["png"], ".jpg") == (Modality.IMAGE, "png")


def test_a_missing_end_is_seen_in_formats_that_state_it(tmp_path: Path) -> None:
    whole = b"OggS\0\4" + bytes(30)
    for data, cut in ((whole, False), (b"OggS\0\0" + bytes(30), True)):
        with put(tmp_path, "x", data).open("rb") as file:
            assert is_cut(file, "ogg") is cut


def test_importing_the_package_loads_no_decoder() -> None:
    code = (
        "import sys, engine.media, engine.media.image, engine.media.audio, engine.media.text\n"
        "import engine.media.pieces, engine.media.video\n"
        "sys.exit(bool({'PIL', 'av'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
