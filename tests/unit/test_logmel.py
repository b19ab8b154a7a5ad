"""Our spectrogram is the one that CLAP was trained on: compared with transformers' own."""

from typing import Any

import numpy as np
import pytest

from engine.encode import logmel
from engine.encode.logmel import Mel, fill, log_mel, mel_filters, through_int16
from making import white_noise

RATE = 48_000
SLANEY, HTK = Mel(scale="slaney"), Mel(scale="htk")
WAY = {"slaney": "rand_trunc", "htk": "fusion"}

SOUNDS = {
    "noise": white_noise(10 * RATE),
    "quiet": white_noise(10 * RATE, level=1e-4),
    "3.5 s": white_noise(7 * RATE // 2),
    "50 ms": white_noise(RATE // 20),
    "one sample": np.float32([0.5]),
    "silence": np.zeros(RATE, np.float32),
    "clipped": np.sign(white_noise(10 * RATE)),
}


def theirs(samples: Any, mel: Mel) -> Any:
    from transformers import ClapFeatureExtractor

    extractor = ClapFeatureExtractor(truncation=WAY[mel.scale], frequency_min=50)
    made = extractor([samples], sampling_rate=RATE, return_tensors="np")["input_features"]
    return made[0, 0]


@pytest.mark.parametrize("mel", [SLANEY, HTK], ids=lambda mel: mel.scale)
@pytest.mark.parametrize("name", SOUNDS)
def test_it_is_the_feature_extractors(mel: Mel, name: str) -> None:
    ours = log_mel(SOUNDS[name], mel)

    assert (ours.shape, ours.dtype) == ((1001, 64), np.float32)
    assert np.abs(ours - theirs(SOUNDS[name], mel)).max() < 1e-4  # decibels


@pytest.mark.parametrize("mel", [SLANEY, HTK], ids=lambda mel: mel.scale)
def test_float32_is_enough_for_the_silence_beside_a_pure_tone(mel: Mel) -> None:
    tone = np.float32(0.5 * np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE))

    assert np.abs(log_mel(tone, mel) - theirs(tone, mel)).max() < 0.05


def test_the_two_scales_are_far_apart() -> None:
    """What the comparisons above would see if one were taken for the other."""
    noise = SOUNDS["noise"]

    assert np.abs(log_mel(noise, SLANEY) - log_mel(noise, HTK)).mean() > 10


def test_filters_are_torchaudios() -> None:
    from torchaudio.functional import melscale_fbanks

    for mel, norm in ((SLANEY, "slaney"), (HTK, None)):
        wanted = melscale_fbanks(513, 50.0, 14_000.0, 64, RATE, norm, mel.scale).numpy()
        assert np.abs(mel_filters(mel) - wanted).max() < 1e-5 * wanted.max()


def test_short_sounds_are_repeated_as_often_as_they_fit_then_silence_follows() -> None:
    filled = fill(np.float32([1, 2, 3]), 8)

    assert filled.tolist() == [1, 2, 3, 1, 2, 3, 0, 0]


@pytest.mark.parametrize(("count", "heard"), [(8, 8), (9, 8), (5, 5)])
def test_a_window_holds_the_first_samples(count: int, heard: int) -> None:
    samples = np.arange(1, count + 1, dtype=np.float32)

    assert fill(samples, 8).tolist() == [*samples[:heard].tolist(), *[0.0] * (8 - heard)]


def test_nothing_at_all_is_silence() -> None:
    assert np.abs(log_mel(np.zeros(0, np.float32), SLANEY) + 100.0).max() < 1e-4


def test_samples_out_of_all_bounds_stay_finite() -> None:
    assert np.isfinite(log_mel(np.full(RATE, 3e38, np.float32), SLANEY)).all()


def test_16_bits_are_laions() -> None:
    samples = np.float32([0.0, 1e-5, -1e-5, 0.1, -0.1, 1.0, -1.0, 1.7, -1.7])
    steps = (np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)  # laion_clap.training.data

    assert np.array_equal(through_int16(samples), (steps / 32767.0).astype(np.float32))


def test_16_bits_silence_what_is_below_them() -> None:
    quiet = white_noise(10 * RATE, level=3e-6)

    assert log_mel(quiet, HTK).mean() > -90
    assert log_mel(quiet, Mel(scale="htk", int16=True)).max() == pytest.approx(-100.0)


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = log_mel(SOUNDS["noise"], SLANEY)
    monkeypatch.setattr(logmel, "_BLOCK", 1001)

    assert np.abs(log_mel(SOUNDS["noise"], SLANEY) - wanted).max() < 1e-4


def test_samples_are_left_as_they_are() -> None:
    samples = white_noise(RATE)
    samples.flags.writeable = False
    before = samples.copy()

    log_mel(samples, Mel(int16=True))
    assert np.array_equal(samples, before)


@pytest.mark.parametrize(
    "wrong",
    [{"scale": "bark"}, {"hop": 0}, {"fft": 1023}, {"window": 100}, {"low": 15_000.0}],
    ids=str,
)
def test_impossible_spectrograms_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mel|frames|bands"):
        Mel(**wrong)
