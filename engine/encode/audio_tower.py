"""Sounds to vectors: any built audio tower, its spectrogram made as its checkpoint was trained."""

from functools import cached_property
from typing import Any

import numpy as np

from engine.encode.logmel import Mel, log_mel
from engine.encode.tower import DenseTower
from engine.encode.towers import AudioPart
from engine.errors import ModelError
from engine.ports import AudioRule, Payload
from engine.types import Modality


class AudioTower(DenseTower):
    """The audio tower of a built model; nothing is read before the first use."""

    modality = Modality.AUDIO
    _input = "mel"

    @property
    def rule(self) -> AudioRule:
        """Windows as long as the tower hears at once; they overlap by half unless the row says."""
        row = self._row
        rate = row.rate or self._part.rate
        window = row.window_ms or _window_ms(self._part)
        return AudioRule(rate, window, row.hop_ms or window // 2)

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (network input)
        """Mono samples (n,) to a spectrogram (1, frames, bands) of their first window.

        Fewer samples than a window are repeated, as often as they fit, and followed by silence.
        """
        return log_mel(np.asarray(payload, dtype=np.float32), self._mel)[None]

    @cached_property
    def _part(self) -> AudioPart:
        part = self._towers.audio
        if part is None:
            raise ModelError(f"The model '{self._row.id}' hears no sounds.")
        if self._row.window_ms not in {None, _window_ms(part)}:
            raise ModelError(
                f"The registry says window_ms = {self._row.window_ms} of the model "
                f"'{self._row.id}', its files say {_window_ms(part)}.",
                hint="Correct or leave out that line of profiles.toml.",
            )
        return part

    @cached_property
    def _mel(self) -> Mel:
        try:
            return Mel(rate=self._part.rate, window=self._part.window, **self._part.mel)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"{self._towers.file} does not describe a spectrogram: {error}.",
                hint="Remove its folder, to build again.",
            ) from error


def _window_ms(part: AudioPart) -> int:
    return part.window * 1000 // part.rate
