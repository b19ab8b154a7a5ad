"""Recordings and films that are cut, damaged, misnamed or liars, and what must become of each."""

import io
import random
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.faults.bad_pictures import SHARES, Expected, put
from tests.faults.fuzz_media import recordings

RATE = 16_000
CUT = "indexed or indexed partial or truncated or undecodable or empty"
"""Of what breaks off, what can be decoded is used, if there is any."""


def make(folder: Path, dice: random.Random) -> Expected:
    """Write them all into a folder."""
    folder.mkdir()
    made = _cut(folder, dice) | _lies(folder) | _samples(folder) | _films(folder, dice)
    return made | dict.fromkeys(_touched(folder, "empty.wav", "empty.mp4"), "empty")


def _touched(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.touch()
    return paths


def _cut(folder: Path, dice: random.Random) -> Expected:
    """Cut short, with flipped bits, without a beginning; noise; another kind's name."""
    made: Expected = {}
    for name, data in recordings().items():
        for share in SHARES:
            part = data[: max(1, len(data) * share // 100)]
            # These two do not say how long they are; one per cent does not state their rate.
            more = " or audio-params" if name in {"a.aac", "a.mpg"} else ""
            made |= put(folder / f"cut-{share:02}-{name}", part, CUT + more)
        body = bytearray(data)
        for _ in range(8):
            body[dice.randrange(len(data) // 2, len(data))] ^= 1 << dice.randrange(8)
        made |= put(folder / f"body-{name}", bytes(body), CUT)
        made |= put(folder / f"head-{name}", b"\1\1\1\1\1\1\1\1" + data[8:], "undecodable")
    for suffix in (".mp3", ".wav", ".flac", ".mp4"):
        made |= put(folder / f"noise{suffix}", b"\1" + dice.randbytes(4_000), "undecodable")
    return made | put(folder / "really-wav.mp3", wav(_tone(700)), "indexed")


def _tone(hertz: float, seconds: float = 1.0) -> bytes:
    steps = np.arange(round(seconds * RATE))
    return (9_000 * np.sin(2 * np.pi * hertz * steps / RATE)).astype("<i2").tobytes()


def wav(
    data: bytes,
    *,
    rate: int = RATE,
    channels: int = 1,
    bits: int = 16,
    code: int = 1,
    size: int | None = None,
) -> bytes:
    """A WAV file whose header says what it is told to."""
    width = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, rate, rate * width % 2**32, width, bits)
    said = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", said) + data
    return b"RIFF" + struct.pack("<I", min(len(body), 2**32 - 1)) + body


def _lies(folder: Path) -> Expected:
    """Headers that state what is not so, or what nobody can play."""
    flac = bytearray(recordings()["a.flac"])
    flac[21] |= 0x0F  # of 36 bits that count the samples
    flac[22:26] = b"\xff" * 4
    endless = 2**32 - 1
    made = put(folder / "long.flac", bytes(flac), "indexed or indexed partial")
    made |= put(folder / "long.wav", wav(_tone(800), size=endless), "indexed or indexed partial")
    made |= put(folder / "long.caf", _caf(_tone(900)), "indexed or indexed partial")
    odd = {"channels-192": {"channels": 192}, "hertz-1": {"rate": 1}, "mhz-10": {"rate": 10**7}}
    for name, said in odd.items():
        made |= put(folder / f"{name}.wav", wav(_tone(1_000), **said), "audio-params")
    return made | put(folder / "nothing.wav", wav(b""), "empty or truncated")


def _caf(data: bytes) -> bytes:
    """A CAF file that states a billion seconds."""
    form = struct.pack(">d4sIIIII", 8_000, b"lpcm", 0, 1, 1, 1, 8)
    desc = b"desc" + struct.pack(">q", len(form)) + form
    return b"caff\0\1\0\0" + desc + b"data" + struct.pack(">qI", 10**9 * 8_000, 0) + data


def _samples(folder: Path) -> Expected:
    """Samples that are no numbers."""
    values = np.tile(np.array([np.nan, np.inf, -np.inf, 3e38, 0.5], "<f4"), 4_000)
    some = values.copy()
    some[::2] = np.sin(np.arange(len(some[::2])) / 9)
    made = put(folder / "nan.wav", wav(values.tobytes(), bits=32, code=3), "indexed")
    return made | put(folder / "some-nan.wav", wav(some.tobytes(), bits=32, code=3), "indexed")


def film(
    sizes: list[tuple[int, int]],
    seed: int,
    kind: str = "mp4",
    codec: str = "mpeg4",
    frames: int = 8,
) -> bytes:
    """A film of noise; with several sizes, one after the other as broadcasts join them."""
    parts = []
    for at, (width, height) in enumerate(sizes):
        out = io.BytesIO()
        dice = np.random.default_rng(seed + at)
        with av.open(out, "w", format=kind) as container:
            stream: Any = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for _ in range(frames):
                patch = dice.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
                dots = patch.repeat(8, axis=0).repeat(8, axis=1)
                shown = av.VideoFrame.from_ndarray(dots, format="rgb24")
                container.mux(stream.encode(shown))
            container.mux(stream.encode(None))
        parts.append(out.getvalue())
    return b"".join(parts)


def _films(folder: Path, dice: random.Random) -> Expected:
    """Films without pictures, with one, of several sizes, of no rate, and broken ones."""
    small = [(64, 48)]
    good = film(small, 1)
    table = good.index(b"moov") + 4
    broken = good[:table] + dice.randbytes(200) + good[table + 200 :]
    frame = good.index(b"mdat") + 40
    avi = bytearray(film(small, 2, "avi"))
    for at, count in ((avi.index(b"avih") + 8, 4), (avi.index(b"strh") + 28, 8)):
        avi[at : at + count] = bytes(count)
    made = put(folder / "one.mp4", film(small, 3, frames=1), "indexed")
    made |= put(folder / "sound-alone.mp4", recordings()["a.m4a"], "indexed")
    made |= put(folder / "sizes.mts", film([(64, 48), (128, 96)], 4, "mpegts", "mpeg2video"), CUT)
    made |= put(folder / "no-rate.avi", bytes(avi), CUT)
    made |= put(folder / "broken-table.mp4", broken, CUT)
    made |= put(folder / "first-frame.mp4", good[:frame], "truncated")
    made |= put(folder / "first-frame.avi", bytes(film(small, 5, "avi")[:5_000]), CUT)
    return made | put(folder / "8k.mp4", _large(), "indexed")


def _large() -> bytes:
    """One frame of 8K."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
        frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
        for plane, value in zip(frame.planes, (90, 200, 60), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
