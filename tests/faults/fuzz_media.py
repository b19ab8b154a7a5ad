"""Mutated media of all kinds through the real pipeline: each comes to its end, nobody else does.

    python -m tests.faults.fuzz_media --files 2000 --seed 0

Seeds are made on the spot; what becomes of them depends on the seed and the file's number alone.
"""

import io
import os
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from engine.library import Library
from engine.media import workers
from engine.media.process import Guard
from engine.store.records import State
from indexer import IndexReport, index
from tests.faults.tally import Tally, main

GUARD = Guard(seconds=20.0)
WARM_UP = 200
"""Files after which memory has what it needs anyway."""

MAX_WORKER_MIB, MAX_GROWTH_MIB = 2048, 50
MIB = 1 << 20

REPEATABLE = {"fflags": "+bitexact"}
"""Containers get random numbers and the time of day otherwise."""

REPEATABLE_FILM = {"flags": "+bitexact"}

Mutate = Callable[[bytearray, random.Random], None]


def pictures() -> dict[str, bytes]:
    """A small picture in every format that Pillow writes and we read."""
    dots = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    shot = Image.fromarray(dots).resize((160, 120), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "Maker", 0x0110: "Model", 0x0132: "2023:05:01 12:30:00"})
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "plain.jpg": ("JPEG", {"exif": exif}),
        "slow.jpg": ("JPEG", {"progressive": True, "comment": "a boat"}),
        "a.png": ("PNG", {"exif": exif}),
        "a.gif": ("GIF", {}),
        "a.webp": ("WEBP", {"exif": exif}),
        "a.bmp": ("BMP", {}),
        "a.tif": ("TIFF", {"compression": "tiff_lzw"}),
        "a.avif": ("AVIF", {"exif": exif}),
        "a.ico": ("ICO", {"sizes": [(32, 32)]}),
    }
    return {name: _saved(shot, kind, options) for name, (kind, options) in kinds.items()}


def _saved(shot: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    shot.save(out, kind, **options)
    return out.getvalue()


def recordings() -> dict[str, bytes]:
    """Half a second of noise in every kind that PyAV writes, and short films."""
    sounds = {
        "a.wav": ("wav", "pcm_s16le"),
        "a.flac": ("flac", "flac"),
        "a.mp3": ("mp3", "libmp3lame"),
        "a.opus": ("ogg", "libopus"),
        "a.m4a": ("ipod", "aac"),
        "a.aac": ("adts", "aac"),
        "a.aiff": ("aiff", "pcm_s16be"),
        "a.wma": ("asf", "wmav2"),
    }
    films = {
        "a.mp4": ("mp4", "mpeg4"),
        "b.mp4": ("mp4", "libx264"),
        "a.mkv": ("matroska", "mpeg4"),
        "a.webm": ("webm", "libvpx"),
        "a.avi": ("avi", "mpeg4"),
        "a.mpg": ("mpeg", "mpeg2video"),
        "a.mts": ("mpegts", "mpeg2video"),
        "a.flv": ("flv", "flv"),
    }
    made = {name: _recorded(kind, codec) for name, (kind, codec) in sounds.items()}
    return made | {name: _filmed(kind, codec) for name, (kind, codec) in films.items()}


def _recorded(kind: str, codec: str) -> bytes:
    rate = 48_000
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (1, rate // 2), dtype=np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format=kind, options=REPEATABLE) as container:
        container.metadata["title"] = "a storm"
        stream: Any = container.add_stream(codec, rate=rate, layout="mono", bit_rate=64_000)
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 1024
        fit = av.AudioResampler(stream.codec_context.format.name, "mono", rate, frame_size=size)
        for ready in (*fit.resample(frame), *fit.resample(None)):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return out.getvalue()


def _filmed(kind: str, codec: str) -> bytes:
    dice = np.random.default_rng(0)
    out = io.BytesIO()
    with av.open(out, "w", format=kind, options=REPEATABLE) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.options = REPEATABLE_FILM
        for number in range(12):
            dots = dice.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            pixels = dots.repeat(8, axis=0).repeat(8, axis=1)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def texts() -> dict[str, bytes]:
    """Texts, subtitles, and a sidecar of the first file."""
    cue = "1\n00:00:01,000 --> 00:00:02,000\nThen the storm comes.\n\n"
    return {
        "a.txt": b"The quick brown fox jumps over the lazy dog.\n" * 20,
        "a.md": b"# A heading\n\nSome *words*, and more of them.\n" * 10,
        "a.srt": (cue * 10).encode(),
        "a.vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\nA storm.\n",
    }


def flip(data: bytearray, dice: random.Random) -> None:
    """Change some bits."""
    for _ in range(dice.choice([1, 4, 16, 64])):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def overwrite(data: bytearray, dice: random.Random) -> None:
    """Put noise over a stretch."""
    at = dice.randrange(len(data))
    count = min(dice.choice([4, 32, 256]), len(data) - at)
    data[at : at + count] = dice.randbytes(count)


def lie(data: bytearray, dice: random.Random) -> None:
    """Put extreme numbers where lengths may be: mostly near the beginning."""
    for _ in range(dice.choice([1, 3])):
        at = dice.randrange(min(len(data), dice.choice([64, 512, 1 << 20])))
        number = dice.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
        width = dice.choice([1, 2, 4])
        data[at : at + width] = (number & (1 << 8 * width) - 1).to_bytes(
            width, dice.choice(["big", "little"])
        )


def cut(data: bytearray, dice: random.Random) -> None:
    """Let it end early."""
    del data[dice.randrange(len(data)) :]


def double(data: bytearray, dice: random.Random) -> None:
    """Repeat a stretch, as often as makes chunks within chunks."""
    at = dice.randrange(len(data))
    data[at:at] = data[at : at + dice.choice([8, 64, 512])] * dice.choice([1, 10])


def lose(data: bytearray, dice: random.Random) -> None:
    """Leave out a stretch."""
    at = dice.randrange(len(data))
    del data[at : at + dice.choice([1, 4, 64, 512])]


def splice(data: bytearray, dice: random.Random, others: list[bytes]) -> None:
    """Go on as another file does from there."""
    at = dice.randrange(len(data))
    data[at:] = dice.choice(others)[at:]


@cache
def sound_files() -> dict[str, bytes]:
    """What is mutated; made once, as an encoder of films now and then differs in a few bytes."""
    return pictures() | recordings() | texts()


def mutants(root: Path, count: int, seed: int) -> None:
    """Write so many, named after number and kind."""
    seeds = sound_files()
    kinds = list(seeds)
    ways: list[Mutate] = [flip, overwrite, lie, cut, double, lose]
    ways.append(partial(splice, others=list(seeds.values())))
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")  # noqa: S311
        kind = kinds[number % len(kinds)]
        data = bytearray(seeds[kind])
        for _ in range(dice.choice([1, 1, 2, 4])):
            if data:
                dice.choice(ways)(data, dice)
        (root / f"{number:06}-{kind}").write_bytes(data)


def memory_mib(who: int) -> float:
    """Peak of resident memory."""
    return resource.getrusage(who).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def run(tally: Tally, count: int) -> None:
    """Count files that have come to their end, and what it took."""
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as name,
        Library.open(Path(name) / "library", create=True, profile="hashed") as opened,
    ):
        indexed_mutants(opened, Path(name) / "before", min(count, WARM_UP), tally.seed + 1)
        before = memory_mib(resource.RUSAGE_SELF)
        root = Path(name) / "root"
        report = indexed_mutants(opened, root, count, tally.seed)
        growth = memory_mib(resource.RUSAGE_SELF) - before
        states = {row.path: row for row in opened._catalogue.files(root)}
        for path in sorted(root.iterdir()):
            with tally.trial(path.name):
                row = states[os.fsencode(path.name)]
                assert (row.state is State.INDEXED) == (not row.reason), row
        with tally.trial("the library is sound"):
            assert opened.verify().findings == ()
    workers.dismiss()
    _check_memory(tally, growth, memory_mib(resource.RUSAGE_CHILDREN))
    reasons = Counter(row.reason.partition(":")[0] or "indexed" for row in states.values())
    tally.notes.append(f"{report.seconds:.1f} s; {dict(reasons.most_common())}")


def indexed_mutants(library: Library, root: Path, count: int, seed: int) -> IndexReport:
    """Make so many mutants and index them."""
    root.mkdir()
    mutants(root, count, seed)
    return index(library, [root], workers=2, guard=GUARD)


def _check_memory(tally: Tally, growth: float, worker: float) -> None:
    with tally.trial("memory of this process"):
        assert growth < MAX_GROWTH_MIB, growth
    with tally.trial("memory of a worker"):
        assert worker < MAX_WORKER_MIB, worker
    tally.notes.append(f"workers at most {worker:.0f} MiB, this process {growth:.0f} MiB more")


if __name__ == "__main__":
    main("fuzz_media", run, 2_000, "files")
