"""ID3 tags: their ends and frames, and recordings behind tags that nobody should read."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from engine.media.audio import audio_info, windows
from engine.media.facts import read_facts
from engine.media.id3 import MAX_FRAMES, MAX_TAGS, end_of_tags, is_overfull
from engine.media.probe import probe
from engine.ports import AudioRule
from engine.types import Modality

RULE = AudioRule(16_000, 500, 500)


def syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def tag(*frames: bytes, version: int = 3, flags: int = 0) -> bytes:
    body = b"".join(frames)
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body)) + body


def text(name: bytes, words: str, version: int = 3) -> bytes:
    body = b"\3" + words.encode()
    size = (
        syncsafe(len(body)) if version > 3 else len(body).to_bytes(3 if version < 3 else 4, "big")
    )
    return name + size + (b"" if version < 3 else b"\0\0") + body


def many(count: int, version: int = 3) -> list[bytes]:
    name = b"TXX" if version < 3 else b"TXXX"
    return [text(name, f"k{number}\0v", version) for number in range(count)]


def sound(kind: str) -> bytes:
    """A second of noise as FLAC or MP3, without a tag."""
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (1, 16_000), dtype=np.int16)
    out = io.BytesIO()
    options = {"id3v2_version": "0", "write_xing": "0"} if kind == "mp3" else {}
    with av.open(out, "w", format=kind, options=options) as container:
        stream = container.add_stream(kind, rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = 16_000
        for ready in av.AudioResampler(stream.codec_context.format, "mono", 16_000).resample(frame):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return out.getvalue()


def test_tags_are_measured_one_after_another() -> None:
    first, second = tag(*many(3)), tag(*many(2, 4), version=4)
    assert end_of_tags(io.BytesIO(first + second + b"fLaC")) == len(first + second)
    assert end_of_tags(io.BytesIO(b"fLaC" + first)) == 0
    assert end_of_tags(io.BytesIO(b"ID3")) == 0
    footer = tag(*many(1, 4), version=4, flags=0x10)
    assert end_of_tags(io.BytesIO(footer)) == len(footer) + 10


@pytest.mark.parametrize("version", [2, 3, 4])
def test_frames_are_counted_over_all_tags(version: int) -> None:
    half = tag(*many(MAX_FRAMES // 2, version), version=version)
    one = tag(*many(1, version), version=version)
    assert not is_overfull(io.BytesIO(half + half))
    assert is_overfull(io.BytesIO(half + half + one))
    assert not is_overfull(io.BytesIO(half + bytes(10) + half + one)), "not behind the last tag"


def test_padding_and_extended_headers_are_no_frames() -> None:
    padded = tag(*many(10), bytes(20 * MAX_FRAMES))
    assert not is_overfull(io.BytesIO(padded))
    extended = tag(b"\0\0\0\6" + bytes(6), *many(MAX_FRAMES + 1), flags=0x40)
    assert is_overfull(io.BytesIO(extended))


def test_endless_empty_tags_are_not_followed() -> None:
    assert end_of_tags(io.BytesIO(tag() * 10 * MAX_TAGS)) == 10 * MAX_TAGS


@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_a_recording_behind_an_overfull_tag_is_read_without_it(tmp_path: Path, kind: str) -> None:
    plain, full = sound(kind), tag(*many(MAX_FRAMES), text(b"TIT2", "a title"))
    for name, data in (("plain", plain), ("full", full + plain)):
        (tmp_path / f"{name}.{kind}").write_bytes(data)
    path = tmp_path / f"full.{kind}"
    assert probe(path).format == audio_info(path).format == kind
    ours, theirs = (
        [(one.span, one.samples.tobytes()) for one in windows(tmp_path / f"{name}.{kind}", RULE)]
        for name in ("full", "plain")
    )
    assert ours == theirs
    assert read_facts(path, Modality.AUDIO, kind).about == ()


def test_a_usual_tag_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(tag(text(b"TIT2", "a title"), *many(100)) + sound("mp3"))
    assert read_facts(path, Modality.AUDIO, "mp3").about == (("title", "a title"),)


def test_several_tags_before_flac_do_not_hide_it(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(tag(*many(1)) + tag(*many(1)) + sound("flac"))
    assert probe(path).format == "flac"
    assert len(list(windows(path, RULE))) == 2
