"""Small worlds where media and words go together by a rule, so that there is something to learn.

Every thing has a mark of its own (a pattern in pictures, a chord in sounds) and a word; a medium
with several things has all of their marks. Nothing in a file's name tells what is in it.
"""

import csv
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

RATE = 16_000
_GRID = 8


@dataclass(frozen=True)
class Thing:
    """A file, the words that belong to it, and whose it is."""

    path: Path
    words: str
    group: str


def marked_picture(path: Path, marks: Iterable[int], noise: np.random.Generator) -> Path:
    """Grey patches: the sum of the patterns of all marks, and some noise."""
    grid = sum((_pattern(mark) for mark in marks), np.zeros((_GRID, _GRID)))
    grid = grid + noise.normal(0, 2.5, grid.shape)
    grey = np.clip(128 + 40 * grid, 0, 255).astype(np.uint8)
    Image.fromarray(grey).resize((64, 64), Image.Resampling.NEAREST).save(path)
    return path


def marked_sound(path: Path, marks: Iterable[int], noise: np.random.Generator) -> Path:
    """A second of the chords of all marks in some noise, a 16-bit WAV file."""
    steps = np.arange(RATE) / RATE
    samples = noise.normal(0, 2.0, RATE)
    for mark in marks:
        for hertz in np.random.default_rng(mark).integers(200, 6_000, 4):
            samples += 0.2 * np.sin(2 * np.pi * float(hertz) * steps)
    whole = (20_000 * samples / np.abs(samples).max()).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(whole.tobytes())
    return path


def pictures(folder: Path, words: Sequence[str], count: int, seed: int = 0) -> list[Thing]:
    """So many pictures, each of two things, from so many groups of two."""
    return list(_made(folder, words, count, seed, ".png"))


def sounds(folder: Path, words: Sequence[str], count: int, seed: int = 0) -> list[Thing]:
    """So many sounds, each of one thing."""
    return list(_made(folder, words, count, seed, ".wav"))


def _made(
    folder: Path, words: Sequence[str], count: int, seed: int, suffix: str
) -> Iterator[Thing]:
    noise = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(count):
        path = folder / f"{at:03}{suffix}"
        if suffix == ".wav":
            marks = [at % len(words)]
            marked_sound(path, marks, noise)
        else:
            marks = sorted(noise.choice(len(words), 2, replace=False).tolist())
            marked_picture(path, marks, noise)
        yield Thing(path, " ".join(words[mark] for mark in marks), f"g{at // 2:02}")


def write_pairs(file: Path, things: Iterable[Thing]) -> Path:
    """The table of pairs: path, words, group."""
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["left", "right", "group"])
        rows = (
            [one.path.relative_to(file.parent), f"text:{one.words}", one.group] for one in things
        )
        table.writerows(rows)
    return file


def _pattern(mark: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1_000 + mark).normal(size=(_GRID, _GRID))


def films(folder: Path, words: Sequence[str], count: int, seed: int = 0) -> list[Thing]:
    """So many films of two seconds, in each of which one picture of two things is seen."""
    import av

    made = pictures(folder / "frames", words, count, seed)
    for at, one in enumerate(made):
        path = folder / f"{at:03}.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mpeg4", rate=5)
            stream.width = stream.height = 64
            stream.bit_rate = 2_000_000
            frame = av.VideoFrame.from_ndarray(np.asarray(Image.open(one.path).convert("RGB")))
            for _ in range(10):
                out.mux(stream.encode(frame.reformat(format="yuv420p")))
            out.mux(stream.encode())
        one.path.unlink()
    (folder / "frames").rmdir()
    return [Thing(folder / f"{at:03}.mp4", one.words, one.group) for at, one in enumerate(made)]


def write_labels(file: Path, things: Iterable[Thing]) -> Path:
    """The table of labels: path, label, group."""
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["path", "label", "group"])
        rows = ([one.path.relative_to(file.parent), one.words, one.group] for one in things)
        table.writerows(rows)
    return file
