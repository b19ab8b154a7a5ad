"""The roles that adapters play, each with the laws that tests/contract checks on every adapter."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.types import Ids, Modality, Origin, Ranking, Scores, Space, Span, Vectors


@dataclass(frozen=True, slots=True)
class ImageRule:
    """How an encoder wants pictures: RGB whose shorter side has at least this many pixels."""

    at_least: int


@dataclass(frozen=True, slots=True)
class AudioRule:
    """How an encoder wants sound: mono float32 at this rate, cut into windows.

    Attributes:
        rate: samples per second.
        window_ms: length of a window; a shorter recording is one window.
        hop_ms: from the start of a window to the start of the next.
    """

    rate: int
    window_ms: int
    hop_ms: int


@dataclass(frozen=True, slots=True)
class TextRule:
    """How an encoder wants text: passages of at most this many characters."""

    max_characters: int


Rule = ImageRule | AudioRule | TextRule

Payload = str | npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""Decoded media: words; RGB pixels uint8 (height, width, 3); mono samples float32 (n,)."""


class Encoder(Protocol):
    """Turns payloads of one modality into unit vectors of one space.

    Laws:
        rows have unit length; the same payload gives the same row (cosine within 1e-5) alone,
        twice, and inside any batch; an empty batch gives shape (0, dim); nothing is random.
    """

    @property
    def space(self) -> Space:
        """The space the vectors live in; its fingerprint covers weights, preparation and rule."""
        ...

    @property
    def modality(self) -> Modality:
        """What the payloads are."""
        ...

    @property
    def rule(self) -> Rule:
        """How payloads are to be decoded and cut."""
        ...

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids of the models whose weights it needs; empty for none."""
        ...

    @property
    def at_once(self) -> int:
        """How many inputs to give to one call of `encode`, at best."""
        ...

    def prepare(self, payload: Payload) -> Any:  # noqa: ANN401  (each adapter's own input)
        """Turn one payload into model input; safe to call from several threads at once."""
        ...

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        """Embed prepared payloads: shape (len(prepared), dim), unit rows, same order."""
        ...

    def describe(self) -> str:
        """Which engine computes it, where, and in which precision; told, never compared."""
        ...


class Alignment(Protocol):
    """A fitted map from one space into another; a value, never half-fitted.

    Laws:
        rows come out finite, and their direction is what counts once the mean of all that arrives
        is taken away; a row maps alike alone and in a batch.
    """

    @property
    def source(self) -> Space:
        """Where rows come from."""
        ...

    @property
    def target(self) -> Space:
        """Where rows go."""
        ...

    @property
    def modality(self) -> Modality | None:
        """The only modality of the source that it carries; None for all of them."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of the map; derived vectors made by another map are stale."""
        ...

    @property
    def prior_mean(self) -> Vectors:
        """Mean of the mapped rows of a general collection, shape (target.dim,)."""
        ...

    @property
    def prior_rows(self) -> int:
        """How many rows of a user's collection the prior mean is worth."""
        ...

    @property
    def query_mean(self) -> Vectors:
        """Mean of general queries made in the target space itself, shape (target.dim,)."""
        ...

    @property
    def loss(self) -> float:
        """How much is lost on the way, below 0 for a way to prefer; a route takes the least."""
        ...

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids of the models that it is read from or fitted with; empty for none."""
        ...

    def prepare(self, saw: Callable[[int, int], None]) -> None:
        """Have the numbers at hand; a first fit may take minutes and says how many of how many."""
        ...

    def arrival(self, count: int, mean: Vectors | None) -> Vectors:
        """Where `count` rows with this mean (source.dim,) arrive on average, (target.dim,).

        The fewer rows, the nearer to `prior_mean`; None stands for no rows.
        """
        ...

    def apply(self, vectors: Vectors) -> Vectors:
        """Map unit rows (n, source.dim) to rows (n, target.dim)."""
        ...


class VectorIndex(Protocol):
    """The rows of one gallery, searched by inner product; it never changes.

    Laws:
        agrees with ``flat``, ties aside (exact kinds) or within its stated recall; a stored
        vector finds itself first; saved and loaded answers alike; k > n gives n; of chosen rows
        alone it finds what a search of all finds among these, at any depth.
    """

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows for one query vector of shape (dim,), best first, ties by id.

        Args:
            query: shape (dim,).
            k: how many are wanted.
            among: ids to search alone, in any order; ids that are not there are no matter.
        """
        ...


class Fuser(Protocol):
    """Makes one ranking of several.

    Laws:
        one ranking in, same order out; ids lie within the union; the order of the rankings is
        irrelevant.
    """

    def __call__(self, rankings: Sequence[Ranking]) -> Ranking:
        """Fuse; an empty sequence raises ValueError."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words that were seen or heard at one place of a medium.

    Attributes:
        span: where, in ms; None for the whole of a picture.
        words: at least one; lines of a picture are parted by newlines.
        confidence: of the adapter in them, from 0 to 1; comparable within one adapter only.
    """

    span: Span | None
    words: str
    confidence: float


class Transcriber(Protocol):
    """Finds the words that are seen or heard in a medium.

    Laws:
        the same medium gives the same transcripts, whatever was transcribed before; no payloads,
        and those with nothing in them (black, silent), give none; spans follow each other inside
        those of the payloads; no transcript lacks words; nothing is fetched.
    """

    @property
    def origin(self) -> Origin:
        """What becomes of its words: seen or heard."""
        ...

    @property
    def modalities(self) -> frozenset[Modality]:
        """Of the media that it is for."""
        ...

    @property
    def rule(self) -> Rule:
        """How media are to be decoded for it; windows of sound follow each other without a gap."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of weights and rules; words that another one found are found anew."""
        ...

    def describe(self) -> str:
        """Which engine and models; told, never compared."""
        ...

    def transcribe(self, parts: Iterable[tuple[Span | None, Payload]]) -> Iterator[Transcript]:
        """The words of one medium, given its payloads in order; ModelError when the engine fails.

        An error of the payloads' source comes through, after what was found before it.
        """
        ...
