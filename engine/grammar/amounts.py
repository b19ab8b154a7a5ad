"""Amounts with units: how long, how large, how wide, how many stars."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.grammar.ranges import Extent
from engine.grammar.tokens import Piece
from engine.query import Field, Range

_MICRO = 1_000_000
_MOST = 2**62

_PART = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?\s*([A-Za-z*]*)\s*")
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{2})(?:\.([0-9]{1,6}))?")
_SIXTY = 60


@dataclass(frozen=True, slots=True)
class Scale:
    """What an amount may be counted in.

    Attributes:
        units: how many of the smallest each is worth, by its name in small letters.
        alone: the unit of a number without one.
        shown: the units to write with, largest first.
        most: the largest that there can be, or None.
    """

    units: Mapping[str, int]
    alone: str
    shown: tuple[str, ...]
    example: str
    most: int | None = None


_TIME = Scale(
    {
        **dict.fromkeys(("ms", "msec"), 1),
        **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1_000),
        **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60_000),
        **dict.fromkeys(("h", "hr", "hour", "hours"), 3_600_000),
    },
    "s",
    ("h", "m", "s", "ms"),
    "10s, 1:30 or 2min",
)
_BYTES = Scale(
    {
        **dict.fromkeys(("b", "byte", "bytes"), 1),
        **{f"{k}{b}": 1000**n for n, k in enumerate("kmgt", 1) for b in ("", "b")},
        **{f"{k}ib": 1024**n for n, k in enumerate("kmgt", 1)},
    },
    "b",
    ("TB", "GB", "MB", "KB", "B"),
    "10MB or 1.5GB",
)
_PIXELS = Scale({"px": 1, "pixel": 1, "pixels": 1}, "px", ("px",), "1920 or 1920px")
_STARS = Scale({"star": 1, "stars": 1, "*": 1}, "star", ("",), "4, from 0 to 5", most=5)

SCALES: Mapping[Field, Scale] = {
    Field.DURATION: _TIME,
    Field.SIZE: _BYTES,
    Field.WIDTH: _PIXELS,
    Field.HEIGHT: _PIXELS,
    Field.RATING: _STARS,
}


def amount(text: str, piece: Piece, field: Field) -> Extent:
    """What a written amount covers; GrammarError pointing at the piece when it is none."""
    scale = SCALES[field]
    found = _clock(text) if field is Field.DURATION else None
    found = found or _parts(text, scale)
    if found is None:
        raise piece.mistake(
            f"{text!r} is no value for '{field.value}:'." if text else "A value is missing.",
            f"Write for example {scale.example}; with <, >, <=, >= or from..to",
        )
    micro, step = found
    extent = Extent(_ceil(micro), micro // _MICRO + 1, _ceil(micro + step))
    if extent.below > _MOST or (scale.most is not None and micro > scale.most * _MICRO):
        raise piece.mistake(
            f"{text} is too much for '{field.value}:'.", f"Write for example {scale.example}"
        )
    return extent


def _ceil(micro: int) -> int:
    return -(-micro // _MICRO)


def _parts(text: str, scale: Scale) -> tuple[int, int] | None:
    """Millionths and the step of the last digit, of `10s`, `1.5GB` or `1h30m`."""
    micro = step = at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if not part or (at and not part[3]):
            return None
        unit = scale.units.get((part[3] or scale.alone).lower())
        if unit is None:
            return None
        micro += _micro(part[1], part[2]) * unit
        step = unit * 10 ** (6 - len(part[2] or ""))
        at = part.end()
    return (micro, step) if step else None


def _clock(text: str) -> tuple[int, int] | None:
    """The same of `1:30`, `1:02:03` or `1:30.5`, in milliseconds."""
    found = _CLOCK.fullmatch(text)
    if not found:
        return None
    hours, minutes, seconds = int(found[1] or 0), int(found[2]), int(found[3])
    if seconds >= _SIXTY or (found[1] and minutes >= _SIXTY):
        return None
    whole = str((hours * _SIXTY + minutes) * _SIXTY + seconds)
    return _micro(whole, found[4]) * 1_000, 1_000 * 10 ** (6 - len(found[4] or ""))


def _micro(whole: str, fraction: str | None) -> int:
    return int(whole) * _MICRO + int((fraction or "").ljust(6, "0"))


def amounts_written(found: Range, field: Field) -> str:
    """A range as one would type it; reads back as the same range."""
    scale = SCALES[field]
    least, below = found.least, found.below
    if least is None:
        return f"<{_written(below or 0, scale)}"
    if below is None:
        return f">={_written(least, scale)}"
    for unit in scale.shown:
        worth = scale.units.get(unit.lower(), 1)
        if least % worth == 0 and below == least + worth:
            return f"{least // worth}{unit}"
    return f"{_written(least, scale)}..{_written(below - 1, scale)}"


def _written(number: int, scale: Scale) -> str:
    """In the largest unit that leaves no rest."""
    for unit in scale.shown:
        worth = scale.units.get(unit.lower(), 1)
        if number and number % worth == 0:
            return f"{number // worth}{unit}"
    return f"{number}{scale.shown[-1]}"
