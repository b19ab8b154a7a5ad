"""Sounds to features: the aiSFX sound-effects network (Ma and Lerch, ISMIR 2022)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import models
from engine.arrays import unit_rows
from engine.encode.onnx import Network
from engine.models import ModelRow
from engine.ports import AudioRule, Encoder, Payload
from engine.types import Modality, Space, Vectors

MODEL = "soundfx"
DIM = 512
RATE = 44_100
FFT, HOP, BANDS = 2048, 1024, 96
FRAMES = 100
"""Frames of one block, 2.3 seconds: what the network hears at once."""

LOG_SCALE, LOG_MAX = 10_000.0, 9.4578

LEVEL = 0.02
"""Root mean square that samples are brought to: recordings of effects, which the network learnt
from, are this quiet. At full scale it hears lasers and electricity in most animals."""

_SILENCE = 1e-18
"""Mean square below which there is nothing to make louder."""

_PREPARATION = (
    "soundfx-2: 44.1 kHz, RMS 0.02, STFT 2048/1024 Hann, 96 HTK bands, blocks of 100, repeated"
)


def encoders(_row: ModelRow) -> tuple[Encoder, ...]:
    """The model's one encoder; all figures of its row are written down in this file."""
    return (SoundFx(),)


class SoundFx:
    """Windows of two blocks; a window is the mean of its blocks."""

    modality = Modality.AUDIO
    rule = AudioRule(rate=RATE, window_ms=4_644, hop_ms=4_644)
    weights = (MODEL,)
    at_once = 16

    @cached_property
    def space(self) -> Space:
        """512 components; sounds that are made alike are near."""
        return Space("soundfx", DIM, f"{models.locked(MODEL).digest}:{_PREPARATION}:{self.rule}")

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (network input)
        """Mono samples (n,) to blocks (b, 100, 96), the last one filled up from the start.

        A short sound is repeated: a block that is mostly silence looks like a click to the network.
        """
        spectrum = self._spectrogram(np.asarray(payload, dtype=np.float32))
        # A rest of less than half a block says little that its neighbour does not.
        count = max(1, round(len(spectrum) / FRAMES))
        filled = np.resize(spectrum, (count * FRAMES, BANDS))
        return filled.reshape(count, FRAMES, BANDS)

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, 512)."""
        if not prepared:
            return np.empty((0, DIM), np.float32)
        rows = self._network.run(blocks=np.concatenate(prepared))[0]
        ends = np.cumsum([len(blocks) for blocks in prepared])[:-1]
        return unit_rows(np.stack([part.mean(axis=0) for part in np.split(rows, ends)]))

    def _spectrogram(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log mel bands (frames, 96) of samples brought to `LEVEL`."""
        energy = float(np.square(samples, dtype=np.float64).sum()) / max(len(samples), 1)
        scaled = samples * np.float32(LEVEL / np.sqrt(energy)) if energy > _SILENCE else samples
        padded = np.pad(scaled, (FFT // 2, FFT // 2 + max(0, FFT - len(scaled))))
        frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
        window = np.hanning(FFT + 1)[:-1].astype(np.float32)
        power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
        mel = power.astype(np.float32) @ self._filters
        return np.asarray(np.log10(LOG_SCALE * mel + 1.0) / LOG_MAX, dtype=np.float32)

    @cached_property
    def _filters(self) -> npt.NDArray[np.float32]:
        from safetensors.numpy import load_file

        return load_file(models.ready(MODEL) / "filters.safetensors")["filters"]

    def describe(self) -> str:
        """ONNX Runtime, always."""
        return "ONNX Runtime on CPU, float32"

    @cached_property
    def _network(self) -> Network:
        return Network(models.ready(MODEL) / "soundfx.onnx")
