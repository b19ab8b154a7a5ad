"""A file as part of a query: its path, how much it counts, and which part of it is meant."""

import os.path
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.errors import GrammarError
from engine.grammar.amounts import amount
from engine.grammar.tokens import LEAST_WEIGHT, MOST_WEIGHT, Piece
from engine.query import Field, Region
from engine.types import Span

_TIME = r"([0-9]{1,6}(?::[0-9]{2}){0,2}(?:\.[0-9]{1,6})?[a-z]*(?:[0-9]{1,2}[a-z]+)*)"
_WEIGHT = re.compile(r":(-?(?:[0-9]{1,9}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}))$")
_SPAN = re.compile(rf"@{_TIME}(?:-|\.\.){_TIME}$")
_REGION = re.compile(r"#([0-9.%]+(?:,[0-9.%]+)*)$")
_SUFFIXES = (_SPAN, _REGION, _WEIGHT)  # a span may end in what looks like a weight
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})(%?)")
_Suffix: TypeAlias = re.Pattern[str]

_HINT = "Write FILE:0.5, FILE@1:20-1:35 or FILE#10%,20%,50%,50% (left, top, width, height)"


def expanded(text: str) -> str:
    """The path that `~` stands for; text that is no path stays as it is."""
    try:
        return os.path.expanduser(text)  # noqa: PTH111  (pathlib fails on ~nobody)
    except ValueError:  # no name of a user holds a NUL
        return text


@dataclass(frozen=True, slots=True)
class Operand:
    """A file that is part of a query.

    Attributes:
        weight: below 0 it pushes away.
        span: the part of a recording, in milliseconds.
        region: the part of a picture.
    """

    path: Path
    weight: float = 1.0
    span: Span | None = None
    region: Region | None = None


def operand(text: str, exists: Callable[[str], bool]) -> Operand:
    """Read `sunset.jpg:0.5`, `song.mp3@1:20-1:35`, `pic.jpg#10%,20%,50%,50%`, or several of these.

    Args:
        text: a path, perhaps with suffixes; a file that is really called so wins.
        exists: whether there is such a file; `~` has been expanded.

    Raises:
        GrammarError: a suffix of a file that exists cannot be read; it points there.
    """
    whole = expanded(text)
    end, found = len(whole), dict[_Suffix, re.Match[str]]()
    while not exists(whole[:end]) and (match := _last_suffix(whole, end)):
        if match.re in found:
            break
        found[match.re], end = match, match.start()
    pieces = {kind: _piece(text, whole, match) for kind, match in found.items()}
    if exists(whole[:end]):
        return _operand(whole[:end], pieces, found)
    _check_suffix(text, whole, exists)
    try:
        return _operand(whole[:end], pieces, found)
    except GrammarError:  # of no file, what looked like a suffix may be anything
        return Operand(Path(whole))


def _operand(
    path: str, pieces: Mapping[_Suffix, Piece], found: Mapping[_Suffix, re.Match[str]]
) -> Operand:
    return Operand(
        Path(path),
        _weight(pieces[_WEIGHT]) if _WEIGHT in pieces else 1.0,
        _span(pieces[_SPAN], found[_SPAN]) if _SPAN in pieces else None,
        _region(pieces[_REGION]) if _REGION in pieces else None,
    )


def _last_suffix(whole: str, end: int) -> re.Match[str] | None:
    matches = (suffix.search(whole, 0, end) for suffix in _SUFFIXES)
    return next((one for one in matches if one and one.start()), None)


def _check_suffix(text: str, whole: str, exists: Callable[[str], bool]) -> None:
    """A file with something after its name that is no suffix."""
    for mark in reversed(list(re.finditer("[:@#]", whole))):
        if mark.start() and exists(whole[: mark.start()]):
            start = mark.start() + len(text) - len(whole)
            rest = text[start:]
            raise Piece(text, start, len(text), rest).mistake(
                f"{rest} is no weight, span or region of {text[:start]}.", _HINT
            )


def _piece(text: str, whole: str, match: re.Match[str]) -> Piece:
    """Where a suffix stands in what was typed: before `~` was expanded."""
    shift = len(text) - len(whole)
    return Piece(text, match.start() + shift, match.end() + shift, match[0][1:])


def _weight(piece: Piece) -> float:
    weight = float(piece.text)
    if not LEAST_WEIGHT <= abs(weight) <= MOST_WEIGHT:
        raise piece.mistake(
            f"A weight is from {LEAST_WEIGHT} to {MOST_WEIGHT:.0f}, or below 0 to push away.",
            _HINT,
        )
    return weight


def _span(piece: Piece, match: re.Match[str]) -> Span:
    try:
        start, end = (amount(one, piece, Field.DURATION).least for one in match.groups())
    except GrammarError as error:
        raise piece.mistake(f"{piece.text} is no span of time.", _HINT) from error
    if start >= end:
        raise piece.mistake("This span ends before it begins.", _HINT)
    return Span(start, end)


def _region(piece: Piece) -> Region:
    shares = [_SHARE.fullmatch(one) for one in piece.text.split(",")]
    numbers = [float(one[1]) / (100 if one[2] else 1) for one in shares if one]
    if len(numbers) != 4 or len(shares) != 4:  # noqa: PLR2004
        raise piece.mistake("A region has four shares.", _HINT)
    try:
        return Region(*numbers)
    except ValueError as error:
        raise piece.mistake("This region does not lie inside the picture.", _HINT) from error
