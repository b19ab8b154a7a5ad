"""Precision and recall of `seehear dupes` on real transformations of real files.

    python -m tests.bench.dupes [FOLDER]

Every fourth Tux Paint stamp, and every second sound of the stamps and of the sample, gets copies
that were saved anew, scaled, cropped, brightened, made grey, encoded by other codecs or begun
later. All stamps and sounds are in the library: many of them are near, but different. A pair that
the command calls a duplicate is right when both were made of the same file.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageEnhance

from engine import Library
from indexer import index
from tests.bench.stamps import ROOT, fetched, stamp_sounds

PICTURE_STEP, SOUND_STEP = 4, 2
Picture = Image.Image


def _jpeg(picture: Picture, folder: Path, stem: str) -> None:
    picture.save(folder / f"{stem}.jpg", quality=40)


def _half(picture: Picture, folder: Path, stem: str) -> None:
    size = (max(1, picture.width // 2), max(1, picture.height // 2))
    picture.resize(size, Image.Resampling.LANCZOS).save(folder / f"{stem}.png")


def _png(picture: Picture, folder: Path, stem: str) -> None:
    picture.save(folder / f"{stem}.png", compress_level=1)


def _crop(picture: Picture, folder: Path, stem: str) -> None:
    dx, dy = round(picture.width * 0.02), round(picture.height * 0.02)
    picture.crop((dx, dy, picture.width, picture.height)).save(folder / f"{stem}.png")


def _bright(picture: Picture, folder: Path, stem: str) -> None:
    ImageEnhance.Brightness(picture).enhance(0.8).save(folder / f"{stem}.png")


def _grey(picture: Picture, folder: Path, stem: str) -> None:
    picture.convert("L").save(folder / f"{stem}.png")


CHANGES: dict[str, Callable[[Picture, Path, str], None]] = {
    "jpeg 40": _jpeg,
    "half size": _half,
    "png": _png,
    "crop 2 %": _crop,
    "darker": _bright,
    "grey": _grey,
}


def make_pictures(files: Iterable[Path], folder: Path) -> None:
    """Originals and their copies; what a file was made of is the name before the first dot."""
    for number, file in enumerate(files):
        with Image.open(file) as opened:
            clear = opened.convert("RGBA")
        flat = Image.new("RGB", clear.size, "white")
        flat.paste(clear, mask=clear.getchannel("A"))
        (folder / "original").mkdir(parents=True, exist_ok=True)
        flat.save(folder / "original" / f"p{number:04}.png")
        if number % PICTURE_STEP:
            continue
        for name, change in CHANGES.items():
            (folder / name).mkdir(exist_ok=True)
            change(flat, folder / name, f"p{number:04}")


CODECS = {"mp3": "libmp3lame", "ogg": "libopus", "wav": "pcm_s16le"}


def make_sounds(files: Iterable[Path], folder: Path) -> None:
    """The sounds as WAV at 44.1 kHz, and some of them encoded otherwise or with a late start."""
    for number, file in enumerate(files):
        samples = _decoded(file)
        (folder / "sound").mkdir(parents=True, exist_ok=True)
        write_sound(folder / "sound" / f"s{number:04}.wav", samples)
        if number % SOUND_STEP:
            continue
        late = np.concatenate([np.zeros(round(0.2 * RATE), np.float32), samples])
        for name, suffix, heard in (
            ("mp3", "mp3", samples), ("ogg", "ogg", samples), ("late", "wav", late)
        ):  # fmt: skip
            (folder / name).mkdir(exist_ok=True)
            write_sound(folder / name / f"s{number:04}.{suffix}", heard)


RATE = 44_100


def _decoded(file: Path) -> np.ndarray:
    with av.open(str(file)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [r for f in container.decode(audio=0) for r in resampler.resample(f)]
        frames += resampler.resample(None)
    return np.concatenate([f.to_ndarray()[0] for f in frames])


def write_sound(path: Path, samples: np.ndarray) -> None:
    """Mono samples at 44.1 kHz, encoded as the suffix says."""
    codec = CODECS[path.suffix[1:]]
    with av.open(str(path), "w") as out:
        rate = 48_000 if codec == "libopus" else RATE
        stream = out.add_stream(codec, rate=rate, layout="mono")
        whole = np.ascontiguousarray((np.clip(samples, -1, 1) * 32_767).astype("<i2")[None])
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate = RATE
        shaper = av.AudioResampler(stream.format.name, "mono", rate, stream.frame_size or None)
        for one in [*shaper.resample(frame), *shaper.resample(None)]:
            out.mux(stream.encode(one))
        out.mux(stream.encode(None))


def sources() -> tuple[list[Path], list[Path]]:
    """All stamps that are bitmaps; sounds of the stamps and of the sample."""
    root = fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    sample = ROOT / "data" / "sample" / "sounds"
    kinds = {".wav", ".ogg", ".mp3", ".flac"}
    sounds = [one for one in sorted(sample.rglob("*")) if one.suffix in kinds]
    drums = sorted(fetched("sonic-pi-samples").rglob("*.flac"))
    spoken = sorted(root.rglob("a*_desc_[ce]?.ogg"))[:100]
    return sorted(root.rglob("*.png")), [s for s, _ in stamp_sounds()] + spoken + drums + sounds


def library_of(folder: Path) -> Path:
    """Make the files and index them, unless that was done."""
    place, media = folder / "library", folder / "media"
    if not place.exists():
        pictures, sounds = sources()
        make_pictures(pictures, media / "pictures")
        make_sounds(sounds, media / "sounds")
        with Library.open(place, create=True, profile="starter") as library:
            index(library, [media])
    return place


def main() -> None:
    """Make, index, ask the command, count."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        measure(library_of(folder), folder / "media")


def measure(place: Path, media: Path) -> None:
    """Precision over pairs, recall by kind of change."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "cli", "dupes", "--library", str(place), "--json"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(f"{time.perf_counter() - begun:.1f} s")
    _count(ended.stdout, media)


def _count(printed: str, media: Path) -> None:
    groups = json.loads(printed)["groups"]
    named = [[Path(one["path"]) for one in (g["best"], *g["copies"])] for g in groups]
    called = {frozenset(pair) for group in named for pair in combinations(group, 2)}
    for kind in ("pictures", "sounds"):
        mine = {pair for pair in called if all(kind in one.parts for one in pair)}
        truth = set(_true_pairs(media / kind))
        found = {pair for pair in truth if pair in mine}
        twins = _twins(media / kind)
        wrong = [pair for pair in mine if not _alike(pair, twins)]
        precision = 1 - len(wrong) / max(len(mine), 1)
        print(f"{kind}: {len(mine)} pairs called, {len(wrong)} wrong, precision {precision:.4f}")
        print(f"  recall {len(found) / max(len(truth), 1):.4f} of {len(truth)} pairs")
        missed = Counter(_change(one) for pair in truth - found for one in pair)
        print(f"  missed by kind: {dict(missed)}")
        for pair in sorted(map(sorted, wrong))[:40]:
            print("  wrong:", *(str(one.relative_to(media)) for one in pair))


def _alike(pair: Iterable[Path], twins: set[frozenset[str]]) -> bool:
    stems = frozenset(one.stem for one in pair)
    return len(stems) == 1 or stems in twins


def _twins(folder: Path) -> set[frozenset[str]]:
    """Names of originals that are the same by every sample: the collections hold some twice."""
    originals = [p for p in sorted(folder.rglob("*")) if p.parent.name in {"original", "sound"}]
    shapes: dict[object, list[tuple[str, np.ndarray]]] = {}
    for one in originals:
        is_sound = one.suffix == ".wav"
        values = _decoded(one) if is_sound else np.asarray(Image.open(one), np.float32)
        key = round(len(values) / RATE) if is_sound else values.shape
        shapes.setdefault(key, []).append((one.stem, values.ravel() - values.mean()))
    return {
        frozenset((first, second))
        for same in shapes.values()
        for (first, a), (second, b) in combinations(same, 2)
        if _correlation(a, b) >= 0.99
    }


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    both = min(len(one), len(other))
    one, other = one[:both], other[:both]
    return float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-9))


def _change(path: Path) -> str:
    return path.parent.name


def _true_pairs(folder: Path) -> Iterator[frozenset[Path]]:
    by_stem: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.*")):
        by_stem.setdefault(path.stem, []).append(path)
    for same in by_stem.values():
        yield from map(frozenset, combinations(same, 2))


if __name__ == "__main__":
    main()
