"""Labelled things become rows: what a classifier is fitted on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.arrays import blocks
from engine.collect.items import path_of
from engine.errors import MediaError, UsageError
from engine.search.example import modality_of
from engine.store.records import Content, Stamp
from engine.store.stamps import stamp_of
from engine.teach.channels import CHANNELS_OF, Channel, Reading
from engine.teach.gather import rows_of
from engine.teach.tables import Item, Labelled
from engine.types import Modality, Vectors

AT_ONCE = 512
"""Contents whose rows are read together."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Labelled things as rows, n of them.

    Attributes:
        views: by the name of each channel, float32 (n, dim); a row of NaN where it is missing.
        labels: what each is, n.
        groups: of things that are not independent, n: as they were given, else one for the bytes.
        left_out: things without any row, and why.
    """

    views: Mapping[str, Vectors]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    left_out: tuple[tuple[Labelled, str], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """Where the rows of a thing come from.

    Attributes:
        content: what the library has of it; None for words and files that it has not.
        channels: what a file or words have by themselves.
        reason: why there is nothing.
    """

    content: Content | None = None
    channels: tuple[Channel, ...] = ()
    reason: str = ""


def lesson_of(
    reading: Reading,
    things: Sequence[Labelled],
    saw: Callable[[int, int], None] = lambda _done, _total: None,
) -> Lesson:
    """The rows of labelled files and texts.

    An indexed file that is unchanged has all its channels; another file has its own pictures,
    sound or passages, encoded now; words have the channel `text`.

    Args:
        reading: what is read.
        things: as `read_labels` gives them.
        saw: told of progress with what the library has not: done, of how many.

    Raises:
        UsageError: the same bytes have two labels.
    """
    known = _looked_up(reading, things)
    _check_agreement(things, known)
    views = {
        channel: np.full((len(things), one.space.dim), np.nan, dtype=np.float32)
        for channel, one in reading.encoders.items()
    }
    _fill_stored(reading, known, views)
    reasons = _fill_encoded(reading, things, known, views, saw)
    there = np.any([~np.isnan(rows[:, 0]) for rows in views.values()], axis=0)
    return _lesson(things, known, {one.value: rows for one, rows in views.items()}, there, reasons)


def _lesson(
    things: Sequence[Labelled],
    known: Sequence[_Known],
    views: Mapping[str, Vectors],
    there: npt.NDArray[np.bool_],
    reasons: Mapping[int, str],
) -> Lesson:
    kept, lost = np.flatnonzero(there).tolist(), np.flatnonzero(~there).tolist()
    return Lesson(
        {name: rows[kept] for name, rows in views.items()},
        tuple(things[at].label for at in kept),
        tuple(_group(things[at], known[at]) for at in kept),
        tuple((things[at], reasons.get(at, _NOTHING.format(things[at].item))) for at in lost),
    )


_NOTHING = "{} has nothing that is used."


def _group(thing: Labelled, known: _Known) -> str:
    if thing.group:
        return f"group {thing.group}"
    return str(thing.item) if known.content is None else f"content {known.content.id}"


def _looked_up(reading: Reading, things: Sequence[Labelled]) -> list[_Known]:
    contents = reading.catalogue.contents_after(0, Modality)
    by_path = {path_of(file): (one, file.stamp) for one in contents for file in one.files}
    return [_known(one.item, by_path) for one in things]


def _known(item: Item, by_path: Mapping[Path, tuple[Content, Stamp]]) -> _Known:
    if isinstance(item, str):
        return _Known(channels=(Channel.TEXT,))
    content, stamp = by_path.get(item, (None, None))
    if content is not None and stamp == stamp_of(item):
        return _Known(content)
    try:
        return _Known(channels=CHANNELS_OF[modality_of(item)])
    except (UsageError, MediaError) as error:
        return _Known(reason=error.sentence)


def _check_agreement(things: Sequence[Labelled], known: Sequence[_Known]) -> None:
    first: dict[int, Labelled] = {}
    for thing, one in zip(things, known, strict=True):
        if one.content is None:
            continue
        before = first.setdefault(one.content.id, thing)
        if before.label != thing.label:
            raise UsageError(
                f"{thing.item} holds the same bytes as {before.item}, but line {thing.line} says "
                f"'{thing.label}' and line {before.line} '{before.label}'.",
                hint="A thing has one label: take one of the lines out.",
            )


def _fill_stored(
    reading: Reading, known: Sequence[_Known], views: Mapping[Channel, Vectors]
) -> None:
    stored = [(at, one.content) for at, one in enumerate(known) if one.content is not None]
    for block in blocks(len(stored), AT_ONCE):
        found = reading.rows([content for _, content in stored[block]])
        for channel, rows in found.items():
            views[channel][[at for at, _ in stored[block]]] = rows


def _fill_encoded(
    reading: Reading,
    things: Sequence[Labelled],
    known: Sequence[_Known],
    views: Mapping[Channel, Vectors],
    saw: Callable[[int, int], None],
) -> dict[int, str]:
    """Encode what the library has not; returns for each place without a row why it has none."""
    reasons = {at: one.reason for at, one in enumerate(known) if one.reason}
    for channel, encoder in reading.encoders.items():
        places = [at for at, one in enumerate(known) if channel in one.channels]
        items = [things[at].item for at in places]
        found = rows_of(reading.library, items, encoder, saw)
        views[channel][places] = found.rows
        reasons |= {places[at]: why for at, why in found.missing}
    return reasons
