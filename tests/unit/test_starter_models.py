"""The starter's networks say what their authors' say: checked by output, on real files."""

from pathlib import Path

import numpy as np
import pytest

from engine import models
from engine.encode import encoders
from engine.encode.efficientnet import DEPTHS_SHARE, POOLED, EfficientNet, pooled_part
from engine.encode.soundfx import BANDS, FFT, HOP, LEVEL, LOG_MAX, LOG_SCALE, RATE, SoundFx
from engine.media.image import decode_image

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"

pytestmark = pytest.mark.weights


@pytest.mark.parametrize(
    ("picture", "classes"),
    [
        ("pictures/animals/IMG_0412.jpg", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("pictures/home/coffee.png", {504, 967}),  # coffee mug, espresso
        ("pictures/animals/panda.jpg", {388}),  # giant panda
        ("pictures/space/IMG_3390.jpg", {657, 744, 812}),  # missile, projectile, space shuttle
    ],
)
def test_the_picture_network_names_what_it_sees(picture: str, classes: set[int]) -> None:
    """A wrong mapping of weights would name noise: chance is a few in a thousand."""
    from safetensors.numpy import load_file

    encoder = EfficientNet()
    pixels = decode_image(SAMPLE / picture, encoder.rule).pixels
    features = pooled_part(encoder.encode([encoder.prepare(pixels)]))[0]
    head = load_file(models.ready("efficientnet-lite2") / "head.safetensors")

    best = np.argsort(-(13.73 * head["weight"] @ features + head["bias"]))[:5]
    assert classes & set(best.tolist())


def test_earlier_stages_have_their_share_of_a_picture() -> None:
    """They differ where pictures differ, and weigh as much as is said."""
    encoder = EfficientNet()
    names = ("pictures/animals/panda.jpg", "pictures/home/coffee.png")
    seen = [decode_image(SAMPLE / name, encoder.rule).pixels for name in names]
    depths = encoder.encode([encoder.prepare(one) for one in seen])[:, POOLED:]

    assert np.square(depths).sum(axis=1) == pytest.approx(DEPTHS_SHARE, abs=1e-5)
    assert float(depths[0] @ depths[1]) < 0.95 * DEPTHS_SHARE


def test_the_sentence_network_agrees_with_its_model_card() -> None:
    """The card of all-MiniLM-L6-v2 gives .943 for this pair."""
    (encoder,) = encoders(models.registry().model("minilm"))
    sentences = ("That is a happy person", "That is a very happy person")
    rows = encoder.encode([encoder.prepare(one) for one in sentences])

    assert float(rows[0] @ rows[1]) == pytest.approx(0.943, abs=0.002)


def test_the_spectrogram_is_torchaudios() -> None:
    """The front end is numpy; torchaudio's, with the same parameters, says the same."""
    import torch
    from torchaudio.transforms import MelSpectrogram

    random = np.random.default_rng(0)
    samples = random.normal(size=3 * RATE).astype(np.float32)
    samples *= LEVEL / np.sqrt(np.mean(samples**2))
    theirs = MelSpectrogram(
        sample_rate=RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS, pad_mode="constant"
    )
    theirs.mel_scale.fb /= theirs.mel_scale.fb.sum(0, keepdim=True)
    expected = torch.log10(LOG_SCALE * theirs(torch.from_numpy(samples)) + 1).T / LOG_MAX

    ours = SoundFx()._spectrogram(samples)
    assert ours.shape == tuple(expected.shape)
    assert np.abs(ours - expected.numpy()).max() < 1e-4


def test_a_sound_says_the_same_however_loud_it_was_recorded() -> None:
    encoder = SoundFx()
    samples = np.random.default_rng(0).normal(size=RATE).astype(np.float32)

    quiet, loud = encoder.prepare(samples * 1e-3), encoder.prepare(samples)
    assert np.abs(quiet - loud).max() < 1e-5
    assert 0.05 < float(loud.mean()) < 0.5


def test_a_short_sound_is_repeated_and_no_silence_follows() -> None:
    encoder = SoundFx()
    samples = np.random.default_rng(1).normal(size=RATE // 2).astype(np.float32)

    (block,) = encoder.prepare(samples)
    heard = 1 + len(samples) // HOP
    assert np.array_equal(block[heard : 2 * heard], block[:heard])
    assert float(block[-1].mean()) > 0.05


def test_silence_is_a_sound_too() -> None:
    encoder = SoundFx()

    (block,) = encoder.prepare(np.zeros(0, np.float32))
    assert not block.any()
    assert not encoder.prepare(np.zeros(RATE, np.float32)).any()
