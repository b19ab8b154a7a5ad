"""Two spaces that never saw each other meet through texts that both of them read.

No pair of a picture and a sound is needed: the same captions go through both models' text towers,
and canonical correlations between the two (engine/align/cca.py) span the space where a picture and
a sound can be compared, each taken from the mean of its own kind.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from engine import models
from engine.align import cca
from engine.encode import encoders
from engine.errors import ModelError, UsageError
from engine.models.cache import sealed, unsealed
from engine.ports import Encoder
from engine.types import Modality, Space, Vectors

ANCHORS = Path(__file__).with_name("anchors.txt")

RANK, RIDGE, POWER = 128, 0.1, 2.0
PRIOR_ROWS = 10
"""Own means are worth it soon: in two made-up worlds (`python -m tests.bench.bridge`) R@1 among 50
items was .70 and .65 by own means alone, .69 and .65 with the texts' mean weighing as 10 items, and
.60 and .56 with it weighing as 200."""

LOSS = 0.5
_AT_ONCE = 64
_CACHE = "bridges"
_RECIPE = f"cca-1:{RANK}:{RIDGE}:{POWER}"


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """What two text towers share; fitted at the first use, then read from the cache."""

    first: Encoder
    second: Encoder

    @property
    def space(self) -> Space:
        """Where both arrive."""
        name = f"{self.first.space.name}+{self.second.space.name}"
        return Space(name, RANK, self.fingerprint)

    @property
    def fingerprint(self) -> str:
        """Digest of both towers, the anchors and the recipe."""
        spaces = (self.first.space.fingerprint, self.second.space.fingerprint)
        parts = (_RECIPE, _anchors_digest(), *spaces)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def file(self) -> Path:
        """Where the fitted numbers lie; it need not be there yet."""
        folder = user_cache_path("seehear", appauthor=False) / _CACHE
        return folder / f"{self.space.name}-{self.fingerprint[:12]}.safetensors"

    def fitted(self, saw: Callable[[int, int], None] | None = None) -> cca.CCA:
        """The numbers: read, or fitted now, which encodes thousands of texts twice."""
        known = _read(self.file)
        if known is None:
            self._fit(saw or (lambda _done, _total: None))
            _read.cache_clear()
            known = _read(self.file)
        if known is None:
            raise ModelError(f"{self.file} cannot be read back.", hint="Is its disk in order?")
        return known

    def _fit(self, saw: Callable[[int, int], None]) -> None:
        count = len(anchors())
        firsts = encoded(self.first, lambda done: saw(done, 2 * count))
        seconds = encoded(self.second, lambda done: saw(count + done, 2 * count))
        _write(self.file, cca.fit(firsts, seconds, ridge=RIDGE, rank=RANK, power=POWER))


@dataclass(frozen=True, slots=True, eq=False)
class TextBridge:
    """One side of a meeting: an `Alignment` from a model's space to where both arrive."""

    meeting: Meeting
    is_first: bool
    loss: float = LOSS
    prior_rows: int = PRIOR_ROWS
    modality: Modality | None = None

    @property
    def source(self) -> Space:
        """The space of this side's model."""
        return (self.meeting.first if self.is_first else self.meeting.second).space

    @property
    def target(self) -> Space:
        """Where both sides arrive."""
        return self.meeting.space

    @property
    def fingerprint(self) -> str:
        """Digest of the map."""
        return f"{self.meeting.fingerprint}:{1 if self.is_first else 2}"

    @property
    def prior_mean(self) -> Vectors:
        """Nought: the map takes rows from the mean of the anchor texts."""
        return np.zeros(RANK, np.float32)

    @property
    def query_mean(self) -> Vectors:
        """Nought, as nothing is made in the shared space itself."""
        return self.prior_mean

    @property
    def weights(self) -> tuple[str, ...]:
        """Both models."""
        return (*self.meeting.first.weights, *self.meeting.second.weights)

    def prepare(self, saw: Callable[[int, int], None]) -> None:
        """Fit, unless that was done."""
        self.meeting.fitted(saw)

    def arrival(self, count: int, mean: Vectors | None) -> Vectors:
        """The mean's own image, drawn towards that of the anchor texts while rows are few."""
        if mean is None:
            return self.prior_mean
        numbers = self.meeting.fitted()
        texts = numbers.mean_x if self.is_first else numbers.mean_y
        own = cca.shrunk_mean(count, mean, texts, self.prior_rows)
        return np.asarray(self.apply(own[None])[0])

    def apply(self, vectors: Vectors) -> Vectors:
        """Rows (n, 128) of weighted canonical components; linear, so not of unit length."""
        numbers = self.meeting.fitted()
        return _padded((numbers.project_x if self.is_first else numbers.project_y)(vectors))


def meeting(first: str, second: str) -> tuple[TextBridge, TextBridge]:
    """Both sides of the bridge between two models; UsageError when one reads no texts."""
    both = Meeting(_text_tower(first), _text_tower(second))
    return TextBridge(both, is_first=True), TextBridge(both, is_first=False)


def anchors() -> list[str]:
    """The shipped captions and labels."""
    return ANCHORS.read_text("utf-8").splitlines()


def _text_tower(model: str) -> Encoder:
    for one in encoders(models.registry().model(model)):
        if one.modality is Modality.TEXT:
            return one
    raise UsageError(
        f"Model '{model}' reads no texts, so it cannot be one end of a bridge.",
        hint="Choose another for the profile's bridge.",
    )


def encoded(encoder: Encoder, saw: Callable[[int], None]) -> Vectors:
    """The anchors as a text tower embeds them, (n, dim); encoded once, then cached."""
    digest = hashlib.sha256(f"{encoder.space.fingerprint}\n{_anchors_digest()}".encode())
    name = f"texts-{encoder.space.name}-{digest.hexdigest()[:12]}"
    return models.remembered(_CACHE, name, len(anchors()), lambda: _encoded(encoder, saw))


def _encoded(encoder: Encoder, saw: Callable[[int], None]) -> Vectors:
    done: list[Vectors] = []
    for part in _parts(anchors()):
        saw(sum(map(len, done)))
        done.append(encoder.encode([encoder.prepare(one) for one in part]))
    return np.concatenate(done)


def _parts(texts: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(texts), _AT_ONCE):
        yield texts[start : start + _AT_ONCE]


def _padded(rows: Vectors) -> Vectors:
    """Small models share fewer components than the space has."""
    return np.pad(rows, ((0, 0), (0, RANK - rows.shape[1])))


@cache
def _anchors_digest() -> str:
    return hashlib.sha256(ANCHORS.read_bytes()).hexdigest()


@cache
def _read(file: Path) -> cca.CCA | None:
    """The numbers; None when they are not there, or are not as they were written."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = unsealed(file)
    try:
        return cca.CCA(**load(data)) if data is not None else None
    except (SafetensorError, TypeError):  # another program's, with a checksum of ours
        return None


def _write(file: Path, numbers: cca.CCA) -> None:
    """Write under another name first: an interrupted fit leaves nothing that would be read."""
    from dataclasses import fields

    from safetensors.numpy import save

    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    arrays = {one.name: np.ascontiguousarray(getattr(numbers, one.name)) for one in fields(numbers)}
    try:
        with models.spoken(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(sealed(save(arrays)))
            part.replace(file)
    finally:
        part.unlink(missing_ok=True)
