"""Sounds to vectors: any built audio tower, its spectrogram made as its checkpoint was trained."""

import importlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import models
from engine.arrays import unit_rows
from engine.encode.logmel import Mel, log_mel
from engine.encode.network import LARGEST, Batches, dense_network
from engine.encode.towers import AudioPart, Towers, space_of, towers_of
from engine.errors import ModelError
from engine.models.registry import ModelRow
from engine.ports import AudioRule, Payload
from engine.types import Modality, Space, Vectors

if TYPE_CHECKING:
    from torch import nn


class AudioTower:
    """The audio tower of a built model; nothing is read before the first use."""

    modality = Modality.AUDIO
    at_once = LARGEST

    def __init__(self, row: ModelRow) -> None:
        self._row = row

    @property
    def weights(self) -> tuple[str, ...]:
        """The one model."""
        return (self._row.id,)

    @property
    def rule(self) -> AudioRule:
        """Windows as long as the tower hears at once; they overlap by half unless the row says."""
        row = self._row
        rate = row.rate or self._part.rate
        window = row.window_ms or _window_ms(self._part)
        return AudioRule(rate, window, row.hop_ms or window // 2)

    @cached_property
    def space(self) -> Space:
        """The model's own space, which its other towers share."""
        return space_of(self._row, self._row.dim or self._towers.dim)

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (network input)
        """Mono samples (n,) to a spectrogram (1, frames, bands) of their first window.

        Fewer samples than a window are repeated, as often as they fit, and followed by silence.
        """
        return log_mel(np.asarray(payload, dtype=np.float32), self._mel)[None]

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, dim)."""
        if not prepared:
            return np.empty((0, self.space.dim), np.float32)
        return unit_rows(self._batches.rows(prepared))

    def describe(self) -> str:
        """Which engine runs it."""
        return self._batches.network.describe()

    @cached_property
    def _towers(self) -> Towers:
        return towers_of(self._row)

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

    @cached_property
    def _batches(self) -> Batches:
        part = self._part
        return Batches(dense_network(part.file, "mel", bf16=part.bf16, module=self._module))

    def _module(self) -> "nn.Module":
        builder = importlib.import_module(f"engine.models.{self._row.adapter}")
        tower: nn.Module = builder.tower(models.fetch(self._row.id), "audio")
        return tower


def _window_ms(part: AudioPart) -> int:
    return part.window * 1000 // part.rate
