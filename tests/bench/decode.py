"""How fast pictures and recordings are decoded: python tests/bench/decode.py."""

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from PIL import Image

from engine.media.audio import windows
from engine.media.image import decode_image
from engine.ports import AudioRule, ImageRule

ROUNDS = 7
SECONDS = 60
RATE = 44_100


def photo() -> Image.Image:
    """Make 12 megapixels with detail and grain."""
    luck = np.random.default_rng(0)
    coarse = luck.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((4000, 3000), Image.Resampling.BICUBIC))
    grain = luck.normal(0, 4, (3000, 4000, 1))
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def record(path: Path, kind: str, codec: str) -> None:
    """Write SECONDS of stereo noise."""
    noise = np.random.default_rng(0).normal(0, 0.1, (2, SECONDS * RATE)).astype(np.float32)
    with av.open(path, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=RATE, layout="stereo", bit_rate=128_000)
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        convert = av.AudioResampler(stream.codec_context.format.name, "stereo", RATE)
        fifo = av.AudioFifo()
        for ready in convert.resample(frame):
            fifo.write(ready)
        size = stream.codec_context.frame_size or 4096
        while ready := fifo.read(size) or fifo.read(size, partial=True):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))


def seconds(work: Callable[[], object]) -> float:
    """Time some work: the median of ROUNDS, after one that warms up."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def bench_images(folder: Path) -> None:
    """Print milliseconds per picture of 12 megapixels."""
    image, rule = photo(), ImageRule(260)
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("baseline.jpg", "JPEG", {"quality": 90}),
        ("progressive.jpg", "JPEG", {"quality": 90, "progressive": True}),
        ("plain.png", "PNG", {"compress_level": 3}),
        ("plain.webp", "WEBP", {"quality": 85, "method": 1}),
    ]
    for name, kind, options in kinds:
        path = folder / name
        image.save(path, kind, **options)
        spent = seconds(lambda path=path: decode_image(path, rule))
        print(f"{name:16} 12 Mpx {path.stat().st_size / 1e6:5.1f} MB {spent * 1e3:7.1f} ms")


def bench_audio(folder: Path) -> None:
    """Print how many times faster than they play recordings are decoded."""
    rule = AudioRule(32_000, 10_000, 5_000)
    kinds = [("wav", "pcm_s16le"), ("flac", "flac"), ("mp3", "libmp3lame"), ("mp4", "aac")]
    for kind, codec in kinds:
        path = folder / ("x.m4a" if kind == "mp4" else f"x.{kind}")
        record(path, kind, codec)
        spent = seconds(lambda path=path: list(windows(path, rule)))
        print(f"{path.name:16} {SECONDS} s stereo {spent * 1e3:6.1f} ms {SECONDS / spent:7.0f} x")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        bench_images(Path(folder))
        bench_audio(Path(folder))
