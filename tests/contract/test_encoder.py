"""The laws of an encoder, over the encoders of every profile."""

import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from checkpoints.every import ENCODERS, encoder_of_row, every_model, shared_folder
from engine.media.pieces import pieces
from engine.media.probe import probe
from engine.models import registry
from engine.ports import AudioRule, Encoder, ImageRule, Payload, TextRule
from engine.types import Modality, Vectors
from making import white_noise

SAME = 1 - 1e-5

WITHOUT_WEIGHTS = "hashed"
"""The model that needs no files; what `starter` has is marked `weights`."""


def encoder_params() -> list[object]:
    """Those of the shipped models that no hub is needed for, and every random one."""
    known = registry()
    found: list[object] = []
    for model in (*known.profile("starter").models, WITHOUT_WEIGHTS):
        marks = [] if model == WITHOUT_WEIGHTS else [pytest.mark.weights]
        found += [
            pytest.param((model, Modality(kind)), id=f"{model}-{kind}", marks=marks)
            for kind in known.model(model).kinds
        ]
    return found + [pytest.param(one, id="-".join(one)) for one in ENCODERS]


@pytest.fixture(params=encoder_params(), scope="module")
def encoder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Encoder]:
    model, modality = request.param
    if not model.startswith("random-"):
        yield encoder_of_row(registry().model(model), modality)
        return
    with every_model(shared_folder(tmp_path_factory)) as rows:
        yield encoder_of_row(rows[model], modality)


def ordinary(encoder: Encoder, count: int = 8) -> list[Payload]:
    """Payloads that differ from one another in content, size and length."""
    match encoder.rule:
        case ImageRule():
            return [photo(64 + 37 * i, 300 - 29 * i, seed=i) for i in range(count)]
        case AudioRule(rate=rate, window_ms=window):
            lengths = np.linspace(rate // 4, rate * window // 1000, count).astype(int)
            return [sound(rate, n, seed=i) for i, n in enumerate(lengths)]
        case TextRule():
            words = [
                "dog",
                "piano",
                "river",
                "crowd",
                "thunder",
                "bread",
                "window",
                "sailing",
                "glass",
                "winter",
            ]
            return [" ".join(words[i : i + 1 + i % 3]) for i in range(count)]


def awkward(encoder: Encoder) -> dict[str, Payload]:
    """What real folders hold sooner or later."""
    match encoder.rule:
        case ImageRule():
            grey = np.repeat(photo(50, 50, seed=1)[:, :, :1], 3, axis=2)
            return {
                "1x1": photo(1, 1, seed=1),
                "3000x40": photo(3000, 40, seed=1),
                "40x3000": photo(40, 3000, seed=1),
                "grey": grey,
                "black": np.zeros((32, 32, 3), np.uint8),
                "white": np.full((32, 32, 3), 255, np.uint8),
            }
        case AudioRule(rate=rate):
            return {
                "one sample": np.float32([0.5]),
                "50 ms": white_noise(rate // 20),
                "silence": np.zeros(rate, np.float32),
                "clipped": np.sign(white_noise(rate)),
                "60 s": white_noise(60 * rate),
            }
        case TextRule():
            return {
                "one letter": "a",
                "very long": "every good boy deserves fudge " * 2_000,
                "one long word": "x" * 20_000,
                "emoji": "🐕🏖️👩‍👩‍👧",
                "punctuation": "?!... --- ///",
                "spaces": " \t\n ",
                "empty": "",
                "another script": "犬が砂浜を走る",
            }


def photo(width: int, height: int, seed: int) -> Any:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def sound(rate: int, count: int, seed: int) -> Any:
    steps = np.arange(count) / rate
    wave = 0.5 * np.sin(2 * np.pi * 200 * (seed + 1) * steps)
    return (wave + white_noise(count, seed, level=0.02)).astype(np.float32)


def embed(encoder: Encoder, payloads: Sequence[Payload]) -> Vectors:
    return encoder.encode([encoder.prepare(one) for one in payloads])


def assert_unit_rows(encoder: Encoder, rows: Vectors, count: int) -> None:
    assert (rows.shape, rows.dtype) == ((count, encoder.space.dim), np.float32)
    assert np.isfinite(rows).all()
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-5


def test_rows_have_unit_length(encoder: Encoder) -> None:
    assert_unit_rows(encoder, embed(encoder, ordinary(encoder)), 8)


def test_an_empty_batch_has_no_rows(encoder: Encoder) -> None:
    rows = encoder.encode([])

    assert (rows.shape, rows.dtype) == ((0, encoder.space.dim), np.float32)


def test_the_same_payload_embeds_the_same_twice(encoder: Encoder) -> None:
    payloads = ordinary(encoder)
    first, second = embed(encoder, payloads), embed(encoder, payloads)

    assert (first * second).sum(axis=1).min() >= SAME


def test_a_payload_embeds_alike_alone_and_anywhere_in_a_batch(encoder: Encoder) -> None:
    payloads = ordinary(encoder)
    alone = np.concatenate([embed(encoder, [one]) for one in payloads])

    for shift in (0, 3, 7):
        order = np.roll(np.arange(8), shift)
        rows = embed(encoder, [payloads[i] for i in order])
        assert (rows * alone[order]).sum(axis=1).min() >= SAME


def test_awkward_neighbours_do_not_change_a_row(encoder: Encoder) -> None:
    payload = ordinary(encoder)[0]
    alone = embed(encoder, [payload])[0]

    rows = embed(encoder, [*awkward(encoder).values(), payload])

    assert float(rows[-1] @ alone) >= SAME


def test_different_payloads_embed_differently(encoder: Encoder) -> None:
    rows = embed(encoder, ordinary(encoder))

    assert (rows @ rows.T - 2 * np.eye(8)).max() < SAME


def test_awkward_payloads_get_unit_rows_too(encoder: Encoder) -> None:
    for name, payload in awkward(encoder).items():
        rows = embed(encoder, [payload])
        assert np.isfinite(rows).all(), name
        assert_unit_rows(encoder, rows, 1)


def test_awkward_payloads_embed_alike_alone_and_together(encoder: Encoder) -> None:
    payloads = list(awkward(encoder).values())
    alone = np.concatenate([embed(encoder, [one]) for one in payloads])

    assert (embed(encoder, payloads) * alone).sum(axis=1).min() >= SAME


def test_preparing_in_threads_changes_nothing(encoder: Encoder) -> None:
    payloads = ordinary(encoder) * 4
    with ThreadPoolExecutor(4) as pool:
        prepared = list(pool.map(encoder.prepare, payloads))

    together = encoder.encode(prepared)

    assert (together * embed(encoder, payloads)).sum(axis=1).min() >= SAME


def test_preparing_leaves_the_payload_as_it_is(encoder: Encoder) -> None:
    for payload in ordinary(encoder, 2):
        if isinstance(payload, str):
            continue
        before = payload.copy()
        payload.flags.writeable = False
        embed(encoder, [payload])
        assert np.array_equal(payload, before)


def test_an_encoder_says_what_it_is(encoder: Encoder, request: pytest.FixtureRequest) -> None:
    model, modality = request.node.callspec.params["encoder"]
    again = encoder_of_row(registry().model(model), modality)
    fits = {Modality.IMAGE: ImageRule, Modality.AUDIO: AudioRule, Modality.TEXT: TextRule}

    assert (again.space, again.rule, again.weights) == (
        encoder.space,
        encoder.rule,
        encoder.weights,
    )
    assert isinstance(encoder.rule, fits[encoder.modality])
    assert encoder.space.fingerprint


def pictures(folder: Path) -> list[Path]:
    """Modes and sizes of real folders; the first two show the same."""
    grey = Image.fromarray(photo(90, 60, seed=5)).convert("L")
    deep = (np.asarray(grey).astype(np.uint16) << 8).astype(np.uint16)
    colours = Image.fromarray(photo(80, 70, seed=6))
    made = {
        "grey.png": grey,
        "rgb.png": grey.convert("RGB"),
        "cmyk.jpg": colours.convert("CMYK"),
        "deep.png": Image.fromarray(deep),
        "alpha.png": colours.convert("RGBA"),
        "palette.gif": colours.convert("P"),
        "pixel.png": colours.crop((0, 0, 1, 1)),
        "wide.jpg": colours.resize((10_000, 60)),
    }
    for name, picture in made.items():
        if name == "alpha.png":
            picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save(folder / name)
    return [folder / name for name in made]


def sounds(folder: Path) -> list[Path]:
    """Lengths, rates and channels of real folders; the first two sound the same."""
    chord = sound(48_000, 48_000, seed=3)
    made = {
        "mono.wav": (48_000, chord[:, None]),
        "stereo.wav": (48_000, np.stack([chord, chord], axis=1)),
        "96k.wav": (96_000, sound(96_000, 96_000, seed=4)[:, None]),
        "8k.wav": (8_000, sound(8_000, 8_000, seed=5)[:, None]),
        "short.wav": (48_000, sound(48_000, 480, seed=6)[:, None]),
        "long.wav": (16_000, sound(16_000, 35 * 16_000, seed=7)[:, None]),
        "silent.wav": (44_100, np.zeros((44_100, 2), np.float32)),
    }
    for name, (rate, samples) in made.items():
        with wave.open(str(folder / name), "wb") as out:
            out.setnchannels(samples.shape[1])
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes((samples * 32_000).astype("<i2").tobytes())
    return [folder / name for name in made]


def texts(folder: Path) -> list[Path]:
    """A caption twice, in two encodings, and a long text."""
    words = "ein Hund läuft über den Strand"
    (folder / "utf8.txt").write_bytes(words.encode())
    (folder / "utf16.txt").write_bytes(words.encode("utf-16"))
    (folder / "long.md").write_text("A river runs by. " * 2_000, "utf-8")
    return [folder / name for name in ("utf8.txt", "utf16.txt", "long.md")]


def test_files_as_people_have_them_embed(encoder: Encoder, tmp_path: Path) -> None:
    """All give unit rows, each as alone; what looks, sounds or reads alike embeds alike."""
    makers = {Modality.IMAGE: pictures, Modality.AUDIO: sounds, Modality.TEXT: texts}
    given = [
        [piece.payload for piece in pieces(path, probe(path).format, encoder.rule)]
        for path in makers[encoder.modality](tmp_path)
    ]
    alone = [embed(encoder, payloads) for payloads in given]
    together = embed(encoder, [payload for payloads in given for payload in payloads])

    assert_unit_rows(encoder, together, sum(map(len, given)))
    assert (together * np.concatenate(alone)).sum(axis=1).min() >= SAME
    assert (alone[0] * alone[1]).sum(axis=1).min() >= 1 - 1e-4
