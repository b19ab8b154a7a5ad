"""Speed of the starter profile: indexing photographs and sounds, memory, searching, starting.

python -m tests.bench.speed
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from engine import Library, Query
from engine.store.records import ContentRecord, FileRecord, SegmentRecord, Stamp, State, View
from engine.types import Modality
from indexer import index

PHOTOS = 96
SIZE = (4000, 3000)
MINUTES = 10
SEGMENTS = 100_000
ROUNDS = 50


def photographs(folder: Path) -> None:
    """Make 12-megapixel JPEGs with texture at every scale, as a camera's have."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(PHOTOS):
        picture = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
        for cell in (8, 60, 500):
            shape = (SIZE[1] // cell + 2, SIZE[0] // cell + 2, 3)
            coarse = Image.fromarray(random.integers(0, 255, shape, dtype=np.uint8))
            picture += np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.float32) / 3
        photo = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        photo.save(folder / f"{number:03}.jpg", quality=90)


def recordings(folder: Path) -> None:
    """Make one-minute WAV files of noise that swells and fades."""
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(MINUTES):
        swell = np.abs(np.sin(np.arange(60 * 44_100) / 44_100 * (0.3 + number / 20)))
        noise = (random.normal(size=len(swell)) * swell * 8_000).astype("<i2")
        with wave.open(str(folder / f"{number:02}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(44_100)
            out.writeframes(noise.tobytes())


def indexing(scratch: Path, library: Library) -> None:
    """Photographs a second, times real time, peak memory."""
    for name, make, amount, unit in (
        ("photographs of 12 Mpx", photographs, PHOTOS, "/s"),
        ("sound", recordings, MINUTES * 60, " x real time"),
    ):
        folder = scratch / name.split()[0]
        make(folder)
        report = index(library, [folder])
        print(f"index {name}: {amount / report.seconds:.1f}{unit} ({report.seconds:.1f} s)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the indexing process: {peak:.0f} MiB")


def searching(scratch: Path) -> None:
    """Median time of a search in 100,000 picture segments, without the encoder."""
    with Library.open(scratch / "large", create=True, profile="starter") as library:
        _fill(library)
        encoder = library.profile.tracks(Modality.TEXT)[0].encoders[0]
        rows = encoder.encode([encoder.prepare("a dog on a beach")])
        library.embed = lambda *_: rows  # type: ignore[method-assign]
        for name, query, kinds in (
            ("words -> pictures", Query("a dog on a beach"), {"image"}),
            ("words -> all", Query("a dog on a beach"), None),
        ):
            library.search(query, modalities=kinds)
            spent = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                library.search(query, modalities=kinds)
                spent.append((time.perf_counter() - start) * 1000)
            p50, p95 = np.percentile(spent, [50, 95])
            print(f"search {SEGMENTS:,} segments, {name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms")


def _fill(library: Library) -> None:
    """Write random pictures straight into the catalogue, in batches."""
    encoder = library.profile.tracks(Modality.IMAGE)[0].encoders[0]
    random = np.random.default_rng(2)
    root = library.path / "pictures"
    with library.writing() as writer:
        writer.adopt_root(root)
        for start in range(0, SEGMENTS, 1000):
            rows = np.abs(random.normal(size=(1000, encoder.space.dim))).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            digests = [(start + n).to_bytes(32, "big") for n in range(1000)]
            contents = [
                ContentRecord(
                    digest,
                    Modality.IMAGE,
                    "jpeg",
                    {},
                    (View((SegmentRecord(None),), ((encoder.space, row[None]),)),),
                )
                for digest, row in zip(digests, rows, strict=True)
            ]
            files = [
                FileRecord(
                    root, b"%s.jpg" % d.hex().encode(), Stamp(1, 1, 1), State.INDEXED, digest=d
                )
                for d in digests
            ]
            writer.write(files, contents)
        library.publish(writer)


def starting(library: Library) -> None:
    """Wall time of whole processes."""
    program = Path(sys.executable).with_name("seehear")
    for name, arguments in (
        ("seehear --help", ["--help"]),
        (
            'cold seehear search "..."',
            ["search", "a dog on a beach", "--all", "--library", str(library.path)],
        ),
    ):
        spent = []
        for _ in range(7):
            start = time.perf_counter()
            subprocess.run([program, *arguments], stdout=subprocess.DEVNULL, check=True)
            spent.append(time.perf_counter() - start)
        print(f"{name}: median {np.median(spent):.2f} s, best {min(spent):.2f} s")


def main() -> None:
    """All figures, one after the other."""
    print(f"profile starter, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        with Library.open(scratch / "library", create=True, profile="starter") as library:
            indexing(scratch, library)
            starting(library)
        searching(scratch)


if __name__ == "__main__":
    main()
