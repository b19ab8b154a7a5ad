"""Duplicates: what is one picture, sound or film, and what merely looks like it."""

import os
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from engine.collect import films, pictures, sounds
from engine.collect.near import CANDIDATE, SIMILAR, limit_of, near_pairs, nearest_pairs
from engine.library import Library
from indexer import index
from making import picture, some_rows, tone

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
PHOTO = SAMPLE / "pictures" / "animals" / "panda.jpg"
RATE = 16_000


def changed(folder: Path) -> Iterator[Path]:
    """The photo as people have it twice."""
    with Image.open(PHOTO) as opened:
        photo = opened.convert("RGB")
    width, height = photo.size
    cut = (round(width * 0.02), round(height * 0.02), width, height)
    made = {
        "jpeg.jpg": photo,
        "half.png": photo.resize((width // 2, height // 2)),
        "png.png": photo,
        "crop.png": photo.crop(cut),
        "dark.png": ImageEnhance.Brightness(photo).enhance(0.8),
        "grey.png": photo.convert("L"),
    }
    for name, one in made.items():
        one.save(folder / name, **({"quality": 40} if name.endswith("jpg") else {}))
        yield folder / name


def test_a_picture_saved_scaled_cropped_or_toned_anew_is_the_same(tmp_path: Path) -> None:
    photo = pictures.print_of(PHOTO)
    for one in changed(tmp_path):
        assert pictures.same_picture(photo, pictures.print_of(one)), one.name
        assert pictures.same_picture(pictures.print_of(one), photo), one.name


def test_pictures_that_are_like_each_other_are_not_the_same() -> None:
    folder = SAMPLE / "pictures"
    files = [p for p in sorted(folder.rglob("*")) if p.suffix in {".jpg", ".png", ".webp"}]
    prints = [pictures.print_of(p) for p in files]
    called = [(a, b) for a in prints for b in prints if a is not b and pictures.same_picture(a, b)]
    assert len(prints) > 30
    assert called == []


def test_a_letter_on_it_makes_another_picture(tmp_path: Path) -> None:
    with Image.open(PHOTO) as opened:
        photo = opened.convert("RGB")
    side = min(photo.size) // 6
    photo.paste(Image.new("RGB", (side, side), "red"), (photo.width // 2, photo.height // 2))
    photo.save(tmp_path / "marked.png")
    marked = pictures.print_of(tmp_path / "marked.png")
    assert not pictures.same_picture(pictures.print_of(PHOTO), marked)


@pytest.mark.parametrize("colour", ["black", "white", "navy"])
def test_one_colour_is_no_evidence(tmp_path: Path, colour: str) -> None:
    grain = np.random.default_rng(0).integers(0, 6, (25, 50, 3), dtype=np.int16)
    for name in ("a.png", "b.png"):
        plain = np.asarray(Image.new("RGB", (50, 25), colour), dtype=np.int16)
        grainy = Image.fromarray(np.clip(plain + grain, 0, 255).astype(np.uint8))
        grainy.resize((200, 100)).save(tmp_path / name)
    one, other = (pictures.print_of(tmp_path / name) for name in ("a.png", "b.png"))
    assert one.is_flat
    assert not pictures.same_picture(one, other)


# --- sounds ------------------------------------------------------------------------------------


def melody(seed: int, seconds: float = 3.0) -> npt.NDArray[np.float32]:
    """Tones of random pitch and length with overtones and some noise."""
    random = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        steps = np.arange(round(random.uniform(0.1, 0.4) * RATE)) / RATE
        base = random.uniform(200, 1_200)
        tones = sum(np.sin(2 * np.pi * base * n * steps) / n for n in (1, 2, 3))
        parts.append(0.2 * np.exp(-4 * steps) * tones)
    heard = np.concatenate(parts)[: round(seconds * RATE)]
    return np.asarray(heard + random.normal(size=len(heard)) * 0.003, dtype=np.float32)


def write(path: Path, samples: npt.NDArray[np.float32]) -> Path:
    if path.suffix == ".wav":
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, RATE, len(samples), "NONE", ""))
            out.writeframes((samples * 32_767).astype("<i2").tobytes())
        return path
    codec, rate = {".mp3": ("libmp3lame", RATE), ".ogg": ("libopus", 48_000)}[path.suffix]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        whole = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        whole.sample_rate = RATE
        shaper = av.AudioResampler(stream.format.name, "mono", rate, stream.frame_size or None)
        for frame in [*shaper.resample(whole), *shaper.resample(None)]:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_a_sound_encoded_anew_is_the_same(tmp_path: Path, suffix: str) -> None:
    heard = melody(1)
    one = sounds.print_of(write(tmp_path / "a.wav", heard))
    other = sounds.print_of(write(tmp_path / f"b{suffix}", heard))
    assert one.is_lossless
    assert not other.is_lossless
    assert sounds.same_recording(one, other)


def test_silence_before_a_sound_does_not_hide_it(tmp_path: Path) -> None:
    heard = melody(1)
    late = np.concatenate([np.zeros(RATE // 5, np.float32), heard])
    one = sounds.print_of(write(tmp_path / "a.wav", heard))
    other = sounds.print_of(write(tmp_path / "b.wav", late))
    assert sounds.same_recording(one, other)


def test_another_melody_and_a_longer_one_are_others(tmp_path: Path) -> None:
    one = sounds.print_of(write(tmp_path / "a.wav", melody(1)))
    for name, heard in (("b", melody(2)), ("c", melody(1, 3.6))):
        other = sounds.print_of(write(tmp_path / f"{name}.wav", heard))
        assert not sounds.same_recording(one, other), name


def test_another_rustle_of_the_same_loudness_is_another(tmp_path: Path) -> None:
    steps = np.arange(3 * RATE) / RATE
    swell = 10 ** (-3 + 2.5 * np.abs(np.sin(3 * steps)))
    prints = []
    for seed in (1, 2):
        noise = np.random.default_rng(seed).normal(size=len(steps)) * swell
        prints.append(sounds.print_of(write(tmp_path / f"{seed}.wav", noise.astype(np.float32))))
    assert not sounds.same_recording(*prints)
    assert sounds._envelope(*prints, 0) > sounds.MIN_ENVELOPE, "the bits must tell them apart"


def test_silence_is_no_evidence(tmp_path: Path) -> None:
    silent = sounds.print_of(write(tmp_path / "a.wav", np.zeros(RATE, np.float32)))
    assert silent.is_silent
    assert not sounds.same_recording(silent, silent)


# --- films -------------------------------------------------------------------------------------


def film(path: Path, seed: int, *, black: int = 0, scale: int = 1) -> Path:
    """Four seconds at ten frames a second, the first `black` of them black."""
    random = np.random.default_rng(seed)
    scenes = random.integers(0, 256, (8, 6, 8, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160 // scale, 120 // scale, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(40):
            scene = Image.fromarray(scenes[number // 5]).resize(
                (160 // scale, 120 // scale), Image.Resampling.BICUBIC
            )
            pixels = np.asarray(scene) * (number >= black)
            frame = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_a_film_scaled_down_is_the_same(tmp_path: Path) -> None:
    one = films.print_of(film(tmp_path / "a.mp4", 1))
    other = films.print_of(film(tmp_path / "b.mp4", 1, scale=2))
    assert films.same_film(one, other)
    assert (one.width, other.width) == (160, 80)


def test_a_film_that_is_mostly_black_is_known_by_the_rest(tmp_path: Path) -> None:
    one = films.print_of(film(tmp_path / "a.mp4", 1, black=25))
    other = films.print_of(film(tmp_path / "b.mp4", 1, black=25, scale=2))
    assert films.same_film(one, other)


@pytest.mark.parametrize("black", [10, 30, 40])
def test_films_that_begin_black_are_not_the_same(tmp_path: Path, black: int) -> None:
    one = films.print_of(film(tmp_path / "a.mp4", 1, black=black))
    other = films.print_of(film(tmp_path / "b.mp4", 2, black=black))
    assert not films.same_film(one, other)


# --- candidates --------------------------------------------------------------------------------


@given(st.integers(2, 60), st.sampled_from([8, 300]), st.floats(0.0, 0.9), st.integers(0, 5))
def test_near_pairs_are_those_of_brute_force(count: int, dim: int, least: float, seed: int) -> None:
    rows = some_rows(count, dim, seed)
    rows = np.concatenate([rows, rows[: count // 2]])
    first, second, _ = near_pairs(rows, least)
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    assert sorted(nearest_pairs(rows, least, len(rows))) == sorted(
        zip(*map(list, near_pairs(rows, least)), strict=True)
    )
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            cosine = float(rows[i] @ rows[j])
            if abs(cosine - least) > 1e-4:
                assert ((i, j) in found) == (cosine > least)
    assert all(i < j for i, j in found)


def test_copies_do_not_raise_the_limit() -> None:
    """Were the quantile read off, a library in which all is there twice would have no pairs."""
    alone = some_rows(300, 64)
    twice = np.concatenate([alone, alone])
    for kind in (CANDIDATE, SIMILAR):
        assert limit_of(twice, kind) == pytest.approx(limit_of(alone, kind), abs=0.05)
        assert kind.floor <= limit_of(alone[:2], kind) <= kind.ceiling
        assert limit_of(alone[:1], kind) == kind.prior


# --- the library -------------------------------------------------------------------------------


def test_three_levels_and_the_best_of_each_group(library: Library, tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "again").mkdir(parents=True)
    large = picture(media / "large.png", seed=1, size=(480, 320))
    picture(media / "again" / "small.png", seed=1, size=(240, 160))
    os.link(large, media / "hard.png")
    (media / "twin.png").write_bytes(large.read_bytes())
    picture(media / "other.png", seed=2, size=(480, 320))
    tone(media / "low.wav", hertz=220)
    for moment, name in enumerate(("large.png", "hard.png", "twin.png", "again/small.png")):
        os.utime(media / name, (1_000_000_000 + moment,) * 2)
    index(library, [media], workers=1)

    (group,) = library.dupes().groups
    assert group.level == "same picture or recording"
    assert group.best in {large, media / "hard.png"}
    assert group.why == "largest, 480 x 320"
    levels = {copy.path.name: copy.level.value for copy in group.copies}
    assert levels.pop("small.png") == "same picture or recording"
    assert set(levels.values()) == {"same bytes"}
    freed = (media / "twin.png").stat().st_size + (media / "again/small.png").stat().st_size
    assert group.freed == freed, "a hard link takes no room"

    (exact,) = library.dupes(exact=True).groups
    assert {one.level.value for one in exact.copies} == {"same bytes"}
    assert len(exact.copies) == 2
    assert library.dupes(under=[media / "again"]).groups == ()
    assert library.dupes(modalities={"audio"}).groups == ()


def test_forms_of_one_name_belong_together(library: Library, tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "copy").mkdir(parents=True)
    picture(media / "a.png", seed=1, size=(480, 320))
    with Image.open(media / "a.png") as opened:
        opened.save(media / "a.jpg", quality=90)
        opened.resize((240, 160)).save(media / "copy" / "a.png")
    index(library, [media], workers=1)

    (group,) = library.dupes().groups
    assert group.best.parent == media
    assert [copy.path for copy in group.copies] == [media / "copy" / "a.png"]
    (media / "copy" / "a.png").unlink()
    index(library, [media], workers=1)
    assert library.dupes().groups == ()


def test_what_changed_since_is_not_judged(library: Library, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    first = picture(media / "a.png", seed=1)
    second = media / "b.png"
    second.write_bytes(first.read_bytes())
    index(library, [media], workers=1)
    assert len(library.dupes(exact=True).groups) == 1

    picture(second, seed=2, size=(90, 60))
    found = library.dupes()
    assert found.groups == ()
    assert found.unchecked == (second,)


def test_similar_files_are_never_called_duplicates(library: Library, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for n in range(4):
        tone(media / f"{n}.wav", hertz=220 + n, seconds=1 + n)
    index(library, [media], workers=1)
    found = library.dupes(similar=True)
    assert found.groups == ()
    assert {group.level.value for group in found.similar} == {"similar"}
    assert found.freed == 0
