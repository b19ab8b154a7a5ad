"""A line is cut into words, quoted words, signs and conditions, each with its place in the line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from string import punctuation

from engine.errors import GrammarError

WORDS_PREFIX = "text:"
"""What follows in the same word is meant as it stands: no sign, weight, condition or file."""

QUOTES = '"“”„'

LEAST_WEIGHT, MOST_WEIGHT = 0.001, 1000.0

_RUN = re.compile(r"\S+")
_NAME = re.compile(r"([A-Za-z]{2,20}):")
_WEIGHT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}):")
_BARE = re.compile(r"[^\s,]*")
_COMPARISON = re.compile(r"[<>=≤≥]{0,2}")
_NO_START = frozenset(punctuation) - set(QUOTES) - {"_", "#"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line; `text` is what it says, without quotes."""

    line: str
    start: int
    end: int
    text: str

    def mistake(self, sentence: str, hint: str = "") -> GrammarError:
        """The error that points here."""
        return GrammarError(
            sentence, line=self.line, column=self.start, length=self.end - self.start, hint=hint
        )


class Kind(Enum):
    """What a token is."""

    SIGN = auto()
    WORD = auto()
    QUOTE = auto()
    CONDITION = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One part of a line.

    Attributes:
        sign: 1 or -1 where a sign is glued to it (or it is one), else 0.
        weight: where one is written before it.
        name: of a condition, in small letters.
        values: of a condition, at least one.
    """

    kind: Kind
    piece: Piece
    sign: int = 0
    weight: float | None = None
    name: str = ""
    values: tuple[Piece, ...] = ()


def tokens(line: str, names: frozenset[str]) -> Iterator[Token]:
    """The tokens of a line; `names` are those of conditions."""
    at = 0
    while run := _RUN.search(line, at):
        token = _token(line, run.start(), run.end(), names)
        yield token
        at = token.piece.end


def _token(line: str, start: int, end: int, names: frozenset[str]) -> Token:
    run = line[start:end]
    if run in {"+", "-"}:
        return Token(Kind.SIGN, Piece(line, start, end, run), sign=1 if run == "+" else -1)
    sign = _glued_sign(run)
    at = start + abs(sign)
    weight, begin = _weight(line, at, end)
    if line[begin] in QUOTES:
        return Token(Kind.QUOTE, _exact(line, start, begin), sign, weight)
    if line.startswith(WORDS_PREFIX, begin) and begin + len(WORDS_PREFIX) < end:
        return Token(
            Kind.WORD, Piece(line, start, end, line[begin + len(WORDS_PREFIX) : end]), sign, weight
        )
    name = _NAME.match(line, begin, end)
    if name and name[1].lower() in names:
        return _condition(Piece(line, start, name.end(), name[1].lower()), sign, weight)
    if name and name.end() < end:
        _check_meant(Piece(line, begin, end, name[1]), names)
    return Token(Kind.WORD, Piece(line, start, end, line[begin:end]), sign, weight)


def _exact(line: str, start: int, begin: int) -> Piece:
    inner = quoted(line, begin)
    piece = Piece(line, start, inner.end, " ".join(inner.text.split()))
    if not piece.text:
        raise piece.mistake("These quotes hold nothing.", "Write words between them.")
    return piece


def _glued_sign(run: str) -> int:
    """1 or -1 for `+word` and `-word`; 0 for arrows, rules and what else begins so."""
    if run[0] not in "+-" or run[1] in _NO_START:
        return 0
    return 1 if run[0] == "+" else -1


def _weight(line: str, at: int, end: int) -> tuple[float | None, int]:
    """The weight written at a place, and where what it weighs begins: no number, as in 16:9."""
    found = _WEIGHT.match(line, at, end)
    if not found or found.end() == end:
        return None, at
    first = line[found.end()]
    if first.isdigit() or first in _NO_START:
        return None, at
    weight = float(found[1])
    if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise Piece(line, at, found.end(), found[0]).mistake(
            f"A weight is from {LEAST_WEIGHT} to {MOST_WEIGHT:.0f}, not {found[1]}.",
            "To push something away, write a minus before it: - people",
        )
    return weight, found.end()


def quoted(line: str, start: int) -> Piece:
    r"""What stands between quotes, where `\"` is a quote and `\\` a backslash."""
    text, at = "", start + 1
    while at < len(line):
        if line[at] == "\\" and line[at + 1 : at + 2] in {"\\", *QUOTES}:
            at += 1
        elif line[at] in QUOTES:
            return Piece(line, start, at + 1, text)
        text += line[at]
        at += 1
    raise Piece(line, start, len(line), line[start:]).mistake(
        "This quote is not closed.", 'Write a second " where the exact words end.'
    )


def _condition(head: Piece, sign: int, weight: float | None) -> Token:
    """The values after `name:`, up to the next space that is not in quotes."""
    line = head.line
    if weight is not None:
        raise head.mistake("A condition has no weight.", f"Write '{head.text}:' without a number.")
    values = [_value(line, head.end)]
    while line[values[-1].end : values[-1].end + 1] == ",":
        values.append(_value(line, values[-1].end + 1))
    end = values[-1].end
    if not values[0].text and len(values) == 1:
        raise head.mistake(
            f"'{head.text}:' needs a value right after it, without a space.",
            f"To search for the word itself: {WORDS_PREFIX}{head.text}:",
        )
    for one in values:
        if not one.text.strip():
            raise Piece(line, head.end, end, "").mistake(
                "An alternative is empty.", "Write a,b without spaces; quote what holds commas."
            )
    if end < len(line) and not line[end].isspace():
        raise Piece(line, end, end + 1, line[end]).mistake(
            "After a closing quote comes a space or a comma.",
            r"A quote inside of quotes is written \"",
        )
    piece = Piece(line, head.start, end, "")
    return Token(Kind.CONDITION, piece, sign, name=head.text, values=tuple(values))


def _value(line: str, start: int) -> Piece:
    comparison = _COMPARISON.match(line, start)
    begin = comparison.end() if comparison else start
    if line[begin : begin + 1] and line[begin] in QUOTES:
        inner = quoted(line, begin)
        return Piece(line, start, inner.end, line[start:begin] + inner.text)
    bare = _BARE.match(line, start)
    end = bare.end() if bare else start
    return Piece(line, start, end, line[start:end])


_CLOSE = 0.81
"""Least likeness (difflib's ratio) of a word before a colon to the condition it is taken for."""

_SHORTEST_NAME = 4
"""Too many words are like a shorter one: bin, next, stag."""


def _check_meant(piece: Piece, names: frozenset[str]) -> None:
    """A word with a colon inside is a word, unless it all but says the name of a condition."""
    meant = _meant(piece.text.lower(), [one for one in sorted(names) if len(one) >= _SHORTEST_NAME])
    if meant is None:
        return
    end = piece.start + len(piece.text) + 1
    whole = piece.line[piece.start : piece.end]
    raise Piece(piece.line, piece.start, end, "").mistake(
        f"There is no condition '{piece.text}:'.",
        f"Did you mean '{meant}:'? To search for the word itself: {WORDS_PREFIX}{whole}",
    )


def _meant(word: str, names: list[str]) -> str | None:
    """A name with a letter missing, too many or wrong, or with the same letters after the first."""
    from difflib import get_close_matches

    swapped = (one for one in names if (one[0], sorted(one)) == (word[0], sorted(word)))
    return next(iter((*swapped, *get_close_matches(word, names, 1, _CLOSE))), None)
