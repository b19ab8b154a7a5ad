"""How fast films are read, in times real time: python tests/bench/video.py."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from PIL import Image

from engine.media.audio import windows
from engine.media.video import frames
from engine.ports import AudioRule, ImageRule

ROUNDS = 3
SECONDS = 20
RATE = 30
SHOT_SECONDS = 5
WIDTH, HEIGHT = 1920, 1080

# name, encoder, options
FILMS: list[tuple[str, str, dict[str, str]]] = [
    ("gop1s.mp4", "libx264", {"preset": "veryfast", "g": "30"}),
    ("gop8s.mp4", "libx264", {"preset": "veryfast", "g": "250"}),
    ("gop1s.mpeg4.mp4", "mpeg4", {"g": "30"}),
]


def pictures() -> Iterator[np.ndarray[Any, Any]]:
    """A camera that moves over grainy walls, a new one every SHOT_SECONDS."""
    luck = np.random.default_rng(0)
    shot = SHOT_SECONDS * RATE
    for _ in range(SECONDS // SHOT_SECONDS):
        wall = luck.integers(0, 255, (20, 40, 3), dtype=np.uint8)
        size = (WIDTH + 4 * shot, HEIGHT)
        smooth = np.asarray(Image.fromarray(wall).resize(size, Image.Resampling.BICUBIC))
        wide = np.clip(smooth + luck.normal(0, 4, (*smooth.shape[:2], 1)), 0, 255)
        wide = wide.astype(np.uint8)
        for at in range(shot):
            yield wide[:, 4 * at : 4 * at + WIDTH]


def film(path: Path, codec: str, options: dict[str, str]) -> None:
    """Write SECONDS of 1080p with a sound track."""
    with av.open(path, "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 8_000_000
        sound: Any = container.add_stream("aac", rate=48_000, layout="stereo")
        for picture in pictures():
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        luck = np.random.default_rng(0)
        for at in range(0, SECONDS * 48_000, 1024):
            noise = luck.normal(0, 0.1, (2, 1024)).astype(np.float32)
            block = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
            block.sample_rate, block.pts = 48_000, at
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def decode_all(path: Path) -> int:
    """The ceiling: decode every frame and drop it."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(1 for _ in container.decode(stream))


def count_of(read: Callable[..., Iterator[object]], *given: object) -> int:
    """Read to the end."""
    return sum(1 for _ in read(*given))


def speed(work: Callable[[], object]) -> str:
    """Time some work, the median of ROUNDS, by the clock and by what the processor did."""
    times = []
    for _ in range(ROUNDS):
        start, used = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start, time.process_time() - used))
    clock, used = (median(one) for one in zip(*times, strict=True))
    return f"{SECONDS / clock:5.1f} x ({SECONDS / used:5.1f} x per core)"


def main() -> None:
    """Print a line for each film."""
    image, sound = ImageRule(256), AudioRule(48_000, 10_000, 10_000)
    with tempfile.TemporaryDirectory() as folder:
        for name, codec, options in FILMS:
            path = Path(folder) / name
            film(path, codec, options)
            count = count_of(frames, path, image)
            chosen = speed(partial(count_of, frames, path, image))
            heard = speed(partial(count_of, windows, path, sound))
            plain = speed(partial(decode_all, path))
            print(f"{name}: 1080p{RATE}, {SECONDS} s, {path.stat().st_size / 1e6:.0f} MB")
            print(f"  {count} frames chosen   {chosen} real time")
            print(f"  every frame decoded {plain}")
            print(f"  sound track         {heard}")


if __name__ == "__main__":
    main()
