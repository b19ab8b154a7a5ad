"""Small media files, catalogue rows and a bridge, made where a test needs them."""

import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.arrays import unit_rows
from engine.ports import Encoder
from engine.profile import Profile
from engine.store.records import ContentRecord, FileRecord, SegmentRecord, Stamp, State, View
from engine.types import Ids, Modality, Ranking, Source, Space, Vectors

ROOT = Path("/media")
SPACE = Space("toy", 4, "toy-1")
TARGET = Space("goal", 4, "goal-1")


def picture(path: Path, *, seed: int, size: tuple[int, int] = (48, 32)) -> Path:
    """A picture of coarse coloured patches; another seed, another picture."""
    patches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(patches).resize(size, Image.Resampling.NEAREST).save(path)
    return path


def tone(path: Path, *, hertz: float, seconds: float = 1.0, rate: int = 16_000) -> Path:
    """A sine at half of full scale, as a 16-bit WAV file."""
    steps = np.arange(round(seconds * rate))
    samples = (16_000 * np.sin(2 * np.pi * hertz * steps / rate)).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return path


def melody(seed: int, seconds: float, rate: int = 44_100) -> npt.NDArray[Any]:
    """Mono float32: tones of random pitch and length with overtones and some noise."""
    random = np.random.default_rng(seed)
    heard: npt.NDArray[Any] = 0.01 * random.normal(size=round(seconds * rate))
    for start in np.arange(0, seconds, 0.15):
        part = heard[round(start * rate) :][: round(random.uniform(0.2, 0.6) * rate)]
        steps = np.arange(len(part)) / rate
        base, decay = random.uniform(150, 1_500), random.uniform(3, 9)
        tones = sum(np.sin(2 * np.pi * base * n * steps) / n for n in (1, 2, 3))
        part += 0.1 * np.exp(-decay * steps) * tones
    return heard.astype(np.float32)


def sound(path: Path, samples: npt.NDArray[Any], rate: int = 44_100) -> Path:
    """A WAV, MP3 or Ogg Opus file of mono samples."""
    codec, to = {
        ".wav": ("pcm_s16le", rate),
        ".mp3": ("libmp3lame", rate),
        ".ogg": ("libopus", 48_000),
    }[path.suffix]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=to, layout="mono")
        whole = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        whole.sample_rate = rate
        shaper = av.AudioResampler(stream.format.name, "mono", to, stream.frame_size or None)
        for frame in [*shaper.resample(whole), *shaper.resample(None)]:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def caption(path: Path, words: str) -> Path:
    """A text file."""
    path.write_text(words, encoding="utf-8")
    return path


def rows(*values: Sequence[float]) -> Vectors:
    """Unit rows in the direction of these values."""
    return unit_rows(np.array(values, dtype=np.float32))


def ids(*values: int) -> Ids:
    return np.array(values, dtype=np.int64)


def some_rows(count: int, dim: int = SPACE.dim, seed: int = 0) -> Vectors:
    """Random unit rows."""
    return unit_rows(np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32))


def content(
    name: str,
    vectors: Vectors,
    *,
    modality: Modality = Modality.IMAGE,
    space: Space = SPACE,
    segments: Sequence[SegmentRecord] = (),
) -> ContentRecord:
    """New bytes, known by their name, with a segment for each vector."""
    made = tuple(segments) or tuple(SegmentRecord(None) for _ in vectors)
    return ContentRecord(name.encode(), modality, "toy", {}, (View(made, ((space, vectors),)),))


def file(path: str | bytes, name: str | None, *, root: Path = ROOT, size: int = 1) -> FileRecord:
    """The row of a file that holds the content of that name, or that failed if there is none."""
    relative = path if isinstance(path, bytes) else path.encode()
    stamp = Stamp(size, 1_000, 7)
    if name is None:
        return FileRecord(root, relative, stamp, State.FAILED, "truncated")
    return FileRecord(root, relative, stamp, State.INDEXED, digest=name.encode())


def ranking(scores: dict[int, float], source: Source | None = None) -> Ranking:
    """A ranking of ids with their scores, in the order that rankings have."""
    order = sorted(scores, key=lambda one: (-scores[one], one))
    values = np.array([scores[one] for one in order], dtype=np.float32)
    return Ranking(source or Source("q", "toy", "image"), ids(*order), values)


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A bridge that swaps the axes end for end and has a prior mean off the origin."""

    source: Space = SPACE
    target: Space = TARGET
    fingerprint: str = "turn-1"
    prior_mean: Vectors = field(default_factory=lambda: np.float32([0.5, 0, 0, 0]))
    prior_rows: int = 10

    query_mean: Vectors = field(default_factory=lambda: np.zeros(4, np.float32))
    loss: float = 1.0
    modality: Modality | None = None
    weights: tuple[str, ...] = ()

    def prepare(self, saw: Callable[[int, int], None]) -> None:
        """Nothing to do."""

    def arrival(self, _count: int, _mean: Vectors | None) -> Vectors:
        return self.prior_mean

    def apply(self, vectors: Vectors) -> Vectors:
        return unit_rows(vectors[:, ::-1])


def encoder_of(profile: Profile, modality: Modality) -> Encoder:
    """The encoder that files of a modality are indexed with first."""
    return profile.tracks(modality)[0].encoders[0]


def flipped(path: Path, at: int = -1) -> None:
    """Change one bit of a file, in the middle unless told where."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at < 0 else at] ^= 0x10
    path.write_bytes(data)


def white_noise(count: int, seed: int = 0, level: float = 0.3) -> npt.NDArray[Any]:
    """Mono float32 samples."""
    noise = np.random.default_rng(seed).normal(size=count) * level
    return np.clip(noise, -1, 1).astype(np.float32)


def names_in(folder: Path) -> list[str]:
    """Names of what lies in a folder, sorted."""
    return sorted(one.name for one in folder.iterdir())
