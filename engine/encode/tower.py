"""What all built towers have in common: a row of the registry, a space, an engine that runs it."""

import importlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import models
from engine.arrays import unit_rows
from engine.encode.network import LARGEST, Batches, dense_network
from engine.encode.towers import AudioPart, ImagePart, Towers, space_of, towers_of
from engine.models.registry import ModelRow
from engine.types import Modality, Space, Vectors

if TYPE_CHECKING:
    from torch import nn


class Tower:
    """One tower of a built model; nothing is read before the first use."""

    def __init__(self, row: ModelRow) -> None:
        self._row = row

    @property
    def weights(self) -> tuple[str, ...]:
        """The one model."""
        return (self._row.id,)

    @cached_property
    def space(self) -> Space:
        """The model's own space, which all its towers share."""
        return space_of(self._row, self._row.dim or self._towers.dim)

    @cached_property
    def _towers(self) -> Towers:
        return towers_of(self._row)


class DenseTower(Tower):
    """A tower whose inputs all have one shape: pictures, or windows of sound."""

    modality: Modality
    at_once = LARGEST
    _input: str
    """The graph's input."""

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Unit rows (n, dim)."""
        if not prepared:
            return np.empty((0, self.space.dim), np.float32)
        return unit_rows(self._batches.rows(prepared))

    def describe(self) -> str:
        """Which engine runs it, and what a person should know of how it went."""
        return " ".join([self._batches.network.describe(), *self._batches.remarks])

    @property
    def _part(self) -> ImagePart | AudioPart:
        raise NotImplementedError

    @cached_property
    def _batches(self) -> Batches:
        part = self._part
        return Batches(dense_network(part.file, self._input, bf16=part.bf16, module=self._module))

    def _module(self) -> "nn.Module":
        builder = importlib.import_module(f"engine.models.{self._row.adapter}")
        tower: nn.Module = builder.tower(models.fetch(self._row.id), self.modality.value)
        return tower
