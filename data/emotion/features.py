"""What the study knows of a clip: statistics of its log-mel spectrogram, a vector of its words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine import models
from engine.encode import encoders
from engine.media.audio import windows
from engine.models.prepare import is_ready
from engine.ports import AudioRule
from engine.types import Vectors

RULE = AudioRule(rate=16_000, window_ms=20_000, hop_ms=20_000)
"""Of a clip, the first 20 seconds are heard."""

BANDS, FRAME, HOP = 64, 400, 160
"""25 ms of 16 kHz, every 10 ms."""

BUCKETS = 512


def speech(paths: Sequence[Path]) -> Vectors:
    """Mean and deviation of each log-mel band, and deviation of its change, (n, 3 * 64)."""
    from torchaudio.transforms import MelSpectrogram

    mel = MelSpectrogram(RULE.rate, n_fft=FRAME, hop_length=HOP, n_mels=BANDS)
    return np.stack([_statistics(mel, path) for path in paths])


def _statistics(mel: object, path: Path) -> Vectors:
    import torch
    from torchaudio.functional import compute_deltas

    samples = next(iter(windows(path, RULE))).samples
    filled = np.pad(samples, (0, max(0, FRAME - len(samples))))
    logs = torch.log(mel(torch.from_numpy(filled)) + 1e-6)
    parts = (logs.mean(1), logs.std(1, correction=0), compute_deltas(logs).std(1, correction=0))
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def text(words: Sequence[str], way: str) -> tuple[Vectors, str]:
    """A vector for each text, and how it was made.

    Args:
        words: n texts.
        way: ``hashed`` n-grams, ``minilm``, or ``auto``: MiniLM if its weights are here.
    """
    if way == "minilm" or (way == "auto" and is_ready("minilm")):
        (encoder,) = encoders(models.registry().model("minilm"))
        return encoder.encode([encoder.prepare(one) for one in words]), "MiniLM"
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(n_features=BUCKETS, ngram_range=(1, 2), norm="l2")
    return hashed.transform(words).toarray().astype(np.float32), f"n-grams in {BUCKETS} buckets"
