"""Comparisons and ranges, of dates and amounts alike: `<10s`, `>=2020`, `1MB..5MB`."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from engine.grammar.tokens import Piece
from engine.query import Range

_COMPARED = re.compile(r"\s*(<=|>=|=<|=>|[<>=≤≥])?\s*(.*?)\s*", re.DOTALL)
_BETWEEN = re.compile(r"\s*(.*?)\s*\.\.\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Extent:
    """The whole numbers that a written value covers.

    Attributes:
        least: the first that is not less than the value.
        after: the first that is greater.
        below: the end of what reads the same when cut to the digits that were written.
    """

    least: int
    after: int
    below: int


def range_of(piece: Piece, read: Callable[[str, Piece], Extent]) -> Range:
    """The range that a value means; GrammarError when it can hold nothing."""
    between = _BETWEEN.fullmatch(piece.text)
    found = _between(piece, between, read) if between else _compared(piece, read)
    if found.least is not None and found.below is not None and found.least >= found.below:
        raise piece.mistake(
            f"Nothing lies in {piece.text}.", "Write the smaller value first: from..to"
        )
    return found


def _between(piece: Piece, ends: re.Match[str], read: Callable[[str, Piece], Extent]) -> Range:
    if not (ends[1] or ends[2]):
        raise piece.mistake("A range needs an end.", "Write from..to, from.. or ..to")
    return Range(
        read(ends[1], piece).least if ends[1] else None,
        read(ends[2], piece).after if ends[2] else None,
    )


def _compared(piece: Piece, read: Callable[[str, Piece], Extent]) -> Range:
    match = _COMPARED.fullmatch(piece.text)
    sign, value = (match[1] or "", match[2]) if match else ("", piece.text)
    extent = read(value, piece)
    match sign:
        case "<":
            return Range(None, extent.least)
        case "<=" | "=<" | "≤":
            return Range(None, extent.after)
        case ">":
            return Range(extent.after, None)
        case ">=" | "=>" | "≥":
            return Range(extent.least, None)
        case _:
            return Range(extent.least, extent.below)
