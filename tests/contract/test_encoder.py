"""The laws of an encoder, over the encoders of every profile."""

import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine.profile
from engine import encode
from engine.media.image import decode_image
from engine.ports import AudioRule, Encoder, ImageRule, Payload, TextRule
from engine.types import Modality, Vectors
from making import white_noise

WITHOUT_WEIGHTS = "hashed"
"""Encoders whose profile is named so need no files; all others are marked `weights`."""

SAME = 1 - 1e-5

_REGISTRY = Path(engine.profile.__file__).with_name("profiles.toml")


def encoder_names() -> list[object]:
    """Every encoder of the registry, once."""
    profiles = tomllib.loads(_REGISTRY.read_text())
    found: dict[str, object] = {}
    for profile, row in profiles.items():
        marks = [] if profile == WITHOUT_WEIGHTS else [pytest.mark.weights]
        found |= {name: pytest.param(name, marks=marks) for name in row["encoders"]}
    return list(found.values())


@pytest.fixture(params=encoder_names(), scope="module")
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return encode.encoder(request.param)


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
    again = encode.encoder(request.node.callspec.params["encoder"])
    fits = {Modality.IMAGE: ImageRule, Modality.AUDIO: AudioRule, Modality.TEXT: TextRule}

    assert (again.space, again.rule, again.weights) == (
        encoder.space,
        encoder.rule,
        encoder.weights,
    )
    assert isinstance(encoder.rule, fits[encoder.modality])
    assert encoder.space.fingerprint


def test_a_grey_picture_embeds_as_its_rgb_copy(encoder: Encoder, tmp_path: Path) -> None:
    if not isinstance(encoder.rule, ImageRule):
        pytest.skip("takes no pictures")
    grey = Image.fromarray(photo(90, 60, seed=5)).convert("L")
    grey.save(tmp_path / "grey.png")
    grey.convert("RGB").save(tmp_path / "rgb.png")

    pictures = [decode_image(tmp_path / n, encoder.rule).pixels for n in ("grey.png", "rgb.png")]
    first, second = embed(encoder, pictures)

    assert float(first @ second) >= SAME
