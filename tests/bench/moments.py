"""Moments: known sounds spliced into long recordings, and known pictures into films, asked for.

    python -m tests.bench.moments

Recordings of two to nine minutes are made of the sample's and Scratch's ambience and music, looped
and laid over pink noise. Into most of them two of Tux Paint's sounds are spliced at random times,
one cut in as loud as what was there, one laid over it, louder or fainter. Beside them lie short
files: other sounds, and stretches of the same backgrounds. Files have numbers for names. The
sounds' own files, which are not in the library, and their captions are asked for; so are the
pictures of single shots of films.
"""

import argparse
import hashlib
import tempfile
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine import Library, Query
from engine.bridges.texts import anchors
from engine.encode.soundfx import SoundFx
from engine.evaluate import METRICS, interval
from engine.media.audio import windows
from engine.ports import AudioRule
from engine.query import Term
from engine.rank.steps import Steps
from engine.result import Hit
from engine.search.terms import RECORDING
from engine.types import Modality
from indexer import index
from tests.bench.stamps import other_sounds, sonic_pi_sounds, stamp_sounds, stamps

RATE = 44_100
LONG, WITHOUT = 26, 6
"""Long recordings, and how many of them hold nothing that is asked for."""

MINUTES = (2.0, 9.0)
SHORT, STRETCHES = 80, 60
"""Short files of other sounds, and stretches of the long recordings' backgrounds."""

STRETCH_SECONDS = (3.0, 20.0)
PLANTED_SECONDS = (1.0, 6.0)
BACKGROUND_SECONDS = 8.0
CUT_IN = "cut in"
LAID_OVER = {"louder": (3.0, 12.0), "fainter": (-12.0, -3.0)}
"""Root mean square of a planted sound over that of what it lies in, in decibels."""

PINK = -24.0
"""Level of the pink noise below the background, in decibels."""

FILMS, SHOTS = 16, 7
SHOT_SECONDS = (2.0, 5.0)
FRAMES_PER_SECOND = 10
FILM_SIZE = (320, 240)

PLAIN = 40
"""Queries without an answer, of each kind, for the share of long recordings."""

ALL = 10_000

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Planted:
    """What is asked for, and where it lies: from when to when, in milliseconds."""

    query: Path
    caption: str
    file: Path
    start: int
    end: int
    group: str


@dataclass(slots=True)
class World:
    """What was made: planted moments, and which files are long or stretches of the same."""

    planted: list[Planted] = field(default_factory=list)
    long: list[Path] = field(default_factory=list)
    stretches: list[Path] = field(default_factory=list)


# --- making ------------------------------------------------------------------------------------


def make(folder: Path, seed: int = 0) -> World:
    """Write recordings, short files and films into a folder."""
    return _Maker(folder, np.random.default_rng(seed)).world()


@dataclass
class _Maker:
    folder: Path
    random: np.random.Generator

    def world(self) -> World:
        """Everything, by one stream of random numbers."""
        made = World()
        sounds = self._shuffled(_distinct())
        events = [one for one in sounds if _lasts(_samples(one[0]), *PLANTED_SECONDS)]
        events = events[: 2 * (LONG - WITHOUT)]
        for number in range(LONG):
            made.planted += self._recording(made, number, events[2 * number : 2 * number + 2])
        used = {path for path, _ in events}
        shorts = [path for path, _ in sounds if path not in used]
        shorts += self._shuffled([p for p in other_sounds() if p not in self._sources])
        for number, path in enumerate(shorts[:SHORT]):
            _write(self.folder / f"s{number:03}.wav", _samples(path))
        for number in range(STRETCHES):
            path = self.folder / f"b{number:03}.wav"
            _write(path, self._background(self.random.uniform(*STRETCH_SECONDS)))
            made.stretches.append(path)
        made.planted += self._films()
        return made

    def _recording(
        self, made: World, number: int, events: Sequence[tuple[Path, str]]
    ) -> Iterator[Planted]:
        path = self.folder / f"l{number:03}.wav"
        made.long.append(path)
        samples = self._background(60 * self.random.uniform(*MINUTES))
        # One in each half, so that they never touch.
        half = len(samples) // 2
        laid_over = list(LAID_OVER.items())[number % 2]
        levels = self._shuffled([(CUT_IN, (0.0, 0.0)), laid_over])
        for turn, ((sound, caption), (group, decibels)) in enumerate(
            zip(events, levels, strict=False)
        ):
            event = _samples(sound)
            at = turn * half + int(self.random.uniform(0, half - len(event)))
            under = samples[at : at + len(event)]
            gain = 10 ** (self.random.uniform(*decibels) / 20) * _level(under) / _level(event)
            if group == CUT_IN:
                under[:] = 0
            under += np.float32(gain) * event
            start, end = (int(1000 * one / RATE) for one in (at, at + len(event)))
            yield Planted(sound, caption, path, start, end, group)
        _write(path, samples)

    @cached_property
    def _sources(self) -> list[Path]:
        """Ambience and music long enough to lie in."""
        long = [p for p in other_sounds() if _lasts(_samples(p), BACKGROUND_SECONDS, 1e6)]
        return [path for path in long if not path.stem.startswith("VOICE")]

    def _background(self, seconds: float) -> Samples:
        """One source, looped from somewhere at levels that wander a little, over pink noise."""
        source = _samples(self._sources[self.random.integers(len(self._sources))])
        count = int(seconds * RATE)
        rolled = np.roll(source, -int(self.random.integers(len(source))))
        looped = np.resize(rolled, count) / _level(source)
        knots = self.random.uniform(-3, 3, max(2, int(seconds / 10)))
        decibels = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(knots)), knots)
        noise = 10 ** (PINK / 20) * self._pink(count)
        return np.asarray(0.05 * (looped * 10 ** (decibels / 20) + noise), dtype=np.float32)

    def _pink(self, count: int) -> Samples:
        """Noise whose power falls with frequency, of level 1; blocks of it are repeated."""
        size = 1 << 18
        spectrum = np.fft.rfft(self.random.normal(size=size))
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)))
        return np.resize(noise / noise.std(), count).astype(np.float32)

    def _films(self) -> Iterator[Planted]:
        """Films of several shots, each a picture that the camera moves over; two are asked for."""
        chosen = self._shuffled(stamps())
        for number in range(FILMS):
            path = self.folder / f"f{number:03}.mp4"
            shown = chosen[number * SHOTS : (number + 1) * SHOTS]
            lengths = [int(self.random.uniform(*SHOT_SECONDS) * FRAMES_PER_SECOND) for _ in shown]
            _write_film(path, [picture for picture, _ in shown], lengths)
            ends = np.cumsum(lengths) * 1000 // FRAMES_PER_SECOND
            for at in self.random.choice(SHOTS, 2, replace=False):
                start = int(ends[at]) - lengths[at] * 1000 // FRAMES_PER_SECOND
                picture, caption = shown[at]
                yield Planted(picture, caption, path, start, int(ends[at]), "film")

    def _shuffled(self, things: Sequence[Any]) -> list[Any]:
        return [things[at] for at in self.random.permutation(len(things))]


def _distinct() -> list[tuple[Path, str]]:
    """The stamps' sounds, each content once."""
    found = {hashlib.sha256(path.read_bytes()).digest(): (path, c) for path, c in stamp_sounds()}
    return list(found.values())


@cache
def _samples(path: Path) -> Samples:
    rule = AudioRule(RATE, 120_000, 120_000)
    return np.concatenate([window.samples for window in windows(path, rule)])


def _lasts(samples: Samples, least: float, most: float) -> bool:
    return least <= len(samples) / RATE <= most


def _level(samples: Samples) -> float:
    return max(float(np.sqrt(np.square(samples).mean())), 1e-6)


def _write(path: Path, samples: Samples) -> None:
    peak = max(float(np.abs(samples).max()), 1.0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples / peak * 32_000).astype("<i2").tobytes())


def _write_film(path: Path, pictures: Sequence[Path], lengths: Sequence[int]) -> None:
    width, height = FILM_SIZE
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 2_000_000
        for picture, count in zip(pictures, lengths, strict=True):
            scene = _scene(picture)
            for at in range(count):
                shift = at * (scene.shape[1] - width) // count
                part = np.ascontiguousarray(scene[:height, shift : shift + width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(part)))
        container.mux(stream.encode(None))


def _scene(picture: Path) -> npt.NDArray[np.uint8]:
    """The picture on a white wall a little wider than what the camera shows."""
    width, height = FILM_SIZE
    wall = Image.new("RGBA", (width + 40, height), "white")
    with Image.open(picture) as opened:
        drawing = opened.convert("RGBA")
    drawing.thumbnail((width - 40, height - 20))
    corner = ((wall.width - drawing.width) // 2, (height - drawing.height) // 2)
    wall.alpha_composite(drawing, corner)
    return np.asarray(wall.convert("RGB"))


# --- asking ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one planted moment: places in the lists (0 for nowhere) and errors."""

    place: int
    start_error: float
    end_error: float
    overlaps: bool
    moment_place: int
    crowded: bool


Ask = Callable[[Planted], Query]


def by_example(one: Planted) -> Query:
    """The sound's or the picture's own file."""
    kind = Modality.IMAGE if one.group == "film" else Modality.AUDIO
    return Query(more=(Term(kind, one.query),))


def by_words(one: Planted) -> Query:
    """Its caption."""
    return Query(one.caption)


def asked(library: Library, one: Planted, ask: Ask) -> Answer:
    """Search for a planted moment, in the list of files and in that of moments."""
    kinds = {"video" if one.group == "film" else "audio"}
    hits = library.search(ask(one), modalities=kinds, k=ALL, least=0.0).hits
    place, hit = next((n, h) for n, h in enumerate(hits, 1) if one.file in {h.path, *h.same})
    span = hit.span
    start, end = (span.start, span.end) if span else (0, 0)
    told = library.search(ask(one), modalities=kinds, k=50, least=0.0, moments=True).hits
    return Answer(
        place,
        start - one.start,
        end - one.end,
        start < one.end and one.start < end,
        next((n for n, h in enumerate(told, 1) if _shows(h, one)), 0),
        _crowded(told),
    )


def _shows(hit: Hit, one: Planted) -> bool:
    return bool(
        hit.path == one.file and hit.span and hit.span.start < one.end and one.start < hit.span.end
    )


def _crowded(told: Sequence[Hit]) -> bool:
    """Whether two moments of one recording overlap or touch."""
    spans: dict[Path, list[tuple[float, float]]] = {}
    for hit in told:
        if hit.span:
            spans.setdefault(hit.path, []).append((hit.span.start, hit.span.end))
    return any(
        earlier[1] >= later[0]
        for found in spans.values()
        for earlier, later in zip(sorted(found), sorted(found)[1:], strict=False)
    )


def claimed(library: Library, query: Query) -> bool:
    """Whether some file is said to hold the very recording of a query."""
    hits = library.search(query, k=ALL, least=0.0).hits
    return any(one.source.space == RECORDING for hit in hits for one in hit.because)


def long_share(library: Library, world: World, queries: Sequence[Query], steps: Steps) -> float:
    """Of the ten best of long recordings and stretches of the same, how many are long."""
    long, alike = set(world.long), {*world.long, *world.stretches}
    shares = []
    for query in queries:
        found = library.search(query, modalities={"audio"}, k=ALL, least=0.0, steps=steps).hits
        best = [hit.path for hit in found if hit.path in alike][:10]
        shares.append(sum(path in long for path in best) / 10)
    return float(np.mean(shares))


def plain() -> Mapping[str, Sequence[Query]]:
    """Queries that nothing in the library answers."""
    sounds = sonic_pi_sounds()
    random = np.random.default_rng(0)
    chosen = random.permutation(len(sounds))[:PLAIN]
    texts = random.permutation(np.array(anchors(), dtype=object))[:PLAIN]
    return {
        "sounds": [Query(more=(Term(Modality.AUDIO, sounds[at]),)) for at in chosen],
        "words": [Query(str(text)) for text in texts],
    }


# --- telling -----------------------------------------------------------------------------------


def report(library: Library, world: World) -> None:
    """Print a block for each group of moments and each way to ask, then the shares."""
    for group in (CUT_IN, *LAID_OVER, "film"):
        planted = [one for one in world.planted if one.group == group]
        hop = SoundFx.rule.hop_ms if group != "film" else 0
        for name, ask in (("own file", by_example), ("caption", by_words)):
            print(f"\n{group}, asked by its {name}:")
            _tell([asked(library, one, ask) for one in planted], planted, hop)
    both = len(world.long) + len(world.stretches)
    claims = sum(claimed(library, query) for query in plain()["sounds"])
    print(f"\nother sounds, of which some file is said to hold the recording: {claims} of {PLAIN}")
    print(f"\nlong recordings among the ten best; of the files {len(world.long) / both:.3f}")
    for name, queries in plain().items():
        for steps in (Steps(words=False), Steps(words=False, length=False)):
            share = long_share(library, world, queries, steps)
            print(f"  {name}, correction {'on ' if steps.length else 'off'}: {share:.3f}")


def _tell(answers: Sequence[Answer], planted: Sequence[Planted], hop: int) -> None:
    print(f"  right file: R@1 {_share(a.place <= 1 for a in answers)}", end="")
    print(f", R@10 {_share(a.place <= 10 for a in answers)}")
    if hop:
        heard = [
            a for a, p in zip(answers, planted, strict=True) if _level(_samples(p.query)) > 1e-6
        ]
        print(f"  of those that are no silence: R@1 {_share(a.place <= 1 for a in heard)}")
    found = [(a, p) for a, p in zip(answers, planted, strict=True) if a.place == 1]
    if hop:
        print(f"  start within a hop: {_share(abs(a.start_error) <= hop for a, _ in found)}")
        print(f"  end within a hop:   {_share(abs(a.end_error) <= hop for a, _ in found)}")
        anywhere = _share(abs(a.start_error) <= hop for a in answers)
        print(f"  start within a hop in the right file, wherever that is listed: {anywhere}")
    else:
        within = _share(0 <= a.start_error < p.end - p.start for a, p in found)
        print(f"  start within the shot: {within}")
    print(f"  moment meets what was planted: {_share(a.overlaps for a, _ in found)}")
    for top in (1, 10):
        listed = _share(0 < a.moment_place <= top for a in answers)
        print(f"  listed among the {top} best moments: {listed}")
    print(f"  lists with moments that touch: {sum(a.crowded for a in answers)}")


def _share(values: Iterator[bool]) -> str:
    known = np.array([float(one) for one in values])
    if not len(known):
        return "of none"
    found = interval(METRICS[0], known)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}] of {len(known)}"


def main() -> None:
    """Make, index, ask, tell."""
    seed = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    seed.add_argument("--seed", type=int, default=0)
    with tempfile.TemporaryDirectory() as place:
        media = Path(place) / "media"
        media.mkdir()
        world = make(media, seed.parse_args().seed)
        with Library.open(Path(place) / "library", create=True, profile="starter") as library:
            index(library, [media])
            report(library, world)


if __name__ == "__main__":
    main()
