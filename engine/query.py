"""What a person asks: terms with weights, words that must occur, and conditions on files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from engine.errors import UsageError
from engine.types import Modality, Span


class Field(StrEnum):
    """What a condition looks at; the value is the word that people write before the colon."""

    KIND = "kind"
    """Modality of the file: alternatives are names of `Modality`."""
    FOLDER = "in"
    """A folder of the path: its name, or some names joined by `/`, whatever the case."""
    UNDER = "under"
    """An absolute folder: the file lies below it."""
    NAME = "name"
    """A part of the file's name, whatever the case."""
    FORMAT = "format"
    """The suffix of the name without its dot, or the format found by content."""
    DATE = "date"
    """When it was taken or recorded, and where that is unknown, when it was modified."""
    TAKEN = "taken"
    MODIFIED = "modified"
    DURATION = "duration"
    """Milliseconds."""
    SIZE = "size"
    """Bytes."""
    WIDTH = "width"
    """Pixels as shown, that is after the orientation of the camera."""
    HEIGHT = "height"
    SHAPE = "shape"
    """`portrait`, `landscape` or `square` (sides that differ by less than 2 %)."""
    CAMERA = "camera"
    """A part of maker and model, whatever the case."""
    PLACE = "place"
    """Where it was taken: `Near` or `Box`."""
    TAG = "tag"
    """A keyword, whole, whatever the case."""
    RATING = "rating"
    """Stars, 0 to 5; a file without a rating has none."""
    LABEL = "label"
    """What a classifier says of its content: `Given`, whatever the case."""


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `least` on and below `below`; None leaves that side open.

    Dates are seconds since 1970 of the clock on the wall where the file was made, without zone.
    """

    least: int | None = None
    below: int | None = None

    def __contains__(self, number: int) -> bool:
        return (self.least is None or number >= self.least) and (
            self.below is None or number < self.below
        )


@dataclass(frozen=True, slots=True)
class Near:
    """A circle on the earth: degrees, degrees, kilometres (great circle, radius 6,371 km)."""

    latitude: float
    longitude: float
    km: float


@dataclass(frozen=True, slots=True)
class Box:
    """A box on the earth, in degrees; where west > east it goes across the date line."""

    south: float
    west: float
    north: float
    east: float


LEAST_CHANCE = 0.05
"""A library keeps the most probable label of a content, and others down to this probability."""


@dataclass(frozen=True, slots=True)
class Given:
    """A label that a classifier gave, whole, whatever the case.

    Attributes:
        classifier: its name; empty for any.
        least: the least probability; None where the label must be the most probable one.
        above: the probability must be greater than `least`.
    """

    label: str
    classifier: str = ""
    least: float | None = None
    above: bool = False


Value: TypeAlias = str | Range | Near | Box | Given


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on files; of a query, all must hold.

    A file that lacks what a field looks at fails it, and passes where the filter is negated.

    Attributes:
        any_of: at least one; one that fits is enough.
        negated: files that fit are left out.
    """

    field: Field
    any_of: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture as shares of its width and height, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = 0 <= self.x < 1 and 0 <= self.y < 1 and self.width > 0 and self.height > 0
        most = 1 + 1e-6  # shares may have been rounded
        if not inside or self.x + self.width > most or self.y + self.height > most:
            raise ValueError("a region lies inside its picture: shares from 0 to 1")


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query: words, or the path of a file of the given modality.

    Attributes:
        weight: how much it counts beside the other terms; below 0 it pushes away.
        exact: words that must occur as they stand, in names, tags, captions or texts.
        span: the part of a recording that is meant; None for the whole.
        region: the part of a picture that is meant; None for the whole.
        known: the file itself is not looked for, as it was judged already.
    """

    modality: Modality
    payload: str | Path
    weight: float = 1.0
    exact: bool = False
    span: Span | None = None
    region: Region | None = None
    known: bool = False

    def __str__(self) -> str:
        if isinstance(self.payload, Path):
            return self.payload.name
        return f'"{self.payload}"'


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: words, a picture, a sound, a video, or several of these at once.

    Attributes:
        more: further terms, with weights, spans and regions.
        filters: conditions that every hit must meet.

    Example:
        >>> Query("a dog on a beach").terms[0].modality
        <Modality.TEXT: 'text'>
    """

    text: str | None = None
    image: str | Path | None = None
    audio: str | Path | None = None
    text_file: str | Path | None = None
    video: str | Path | None = None
    more: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        if not self.terms and not self.filters:
            raise UsageError(
                "The query is empty.", hint="Give some words, a picture, a sound or a video."
            )

    @property
    def terms(self) -> tuple[Term, ...]:
        """The parts of the query: the words first, then the files, then what else there is."""
        files = (
            (Modality.IMAGE, self.image),
            (Modality.AUDIO, self.audio),
            (Modality.VIDEO, self.video),
            (Modality.TEXT, self.text_file),
        )
        words = (self.text or "").strip()
        return (
            *([Term(Modality.TEXT, words)] if words else []),
            *(Term(m, Path(file).expanduser()) for m, file in files if file is not None),
            *self.more,
        )

    def __add__(self, other: "Query") -> "Query":
        return Query(more=(*self.terms, *other.terms), filters=(*self.filters, *other.filters))

    def __sub__(self, other: "Query") -> "Query":
        return self + -1 * other

    def __rmul__(self, factor: float) -> "Query":
        return self._with_terms(lambda term: replace(term, weight=factor * term.weight))

    def _with_terms(self, change: Callable[[Term], Term]) -> "Query":
        return Query(more=tuple(change(term) for term in self.terms), filters=self.filters)
