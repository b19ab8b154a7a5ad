"""From a query back to a line."""

import re

from engine.errors import GrammarError
from engine.grammar.amounts import SCALES, amounts_written
from engine.grammar.conditions import NAMES
from engine.grammar.dates import dates_written
from engine.grammar.labels import given_written
from engine.grammar.places import place_written
from engine.grammar.tokens import QUOTES, WORDS_PREFIX, Kind, tokens
from engine.query import Box, Field, Filter, Given, Near, Query, Range, Term, Value

_NEEDS_QUOTES = re.compile(rf"[\s,{QUOTES}]|^[<>=≤≥]|^$")
_NEEDS_BACKSLASH = re.compile(rf"([\\{QUOTES}])")


def unparse(query: Query) -> str:
    """The line that reads as this query; files, which no line can hold, are left out."""
    parts: list[str] = []
    sign, started = 1, False
    for term in query.terms:
        if not isinstance(term.payload, str) or not term.payload.strip():
            continue
        if term.exact:
            parts.append(_exact(term, sign))
            continue
        own = -1 if term.weight < 0 else 1
        if started or own != sign:
            parts.append("+" if own > 0 else "-")
        parts.append(_weight(term) + _words(term.payload))
        sign, started = own, True
    return " ".join((*parts, *map(_condition, query.filters)))


def _exact(term: Term, sign: int) -> str:
    own = -1 if term.weight < 0 else 1
    glued = "-" if own < 0 else "+" if sign < 0 else ""
    return glued + _weight(term) + _quoted(" ".join(str(term.payload).split()))


def _weight(term: Term) -> str:
    size = abs(term.weight)
    return "" if size == 1 else f"{size:.6f}".rstrip("0").rstrip(".") + ":"


def _words(words: str) -> str:
    return " ".join(map(_word, words.split()))


def _word(word: str) -> str:
    """The word; marked as such where it would be read as anything else."""
    try:
        read = list(tokens(word, NAMES))
    except GrammarError:
        read = []
    plain = (
        len(read) == 1
        and read[0].kind is Kind.WORD
        and (read[0].sign, read[0].weight, read[0].piece.text) == (0, None, word)
    )
    return word if plain else WORDS_PREFIX + word


def _quoted(text: str) -> str:
    escaped = _NEEDS_BACKSLASH.sub(r"\\\1", text)
    return f'"{escaped}"'


def _condition(one: Filter) -> str:
    minus = "-" if one.negated else ""
    first = one.any_of[0]
    if isinstance(first, Near | Box):
        return minus + place_written(first)
    if one.field is Field.DATE and len(one.any_of) == 1 and isinstance(first, Range):
        written = dates_written(first)
        name = {">=": "after", "<": "before"}.get(re.match("[>=<]*", written)[0])  # type: ignore[index]
        if name:
            return f"{minus}{name}:{written.lstrip('<>=')}"
    return f"{minus}{one.field.value}:{','.join(_value(each, one.field) for each in one.any_of)}"


def _value(value: Value, field: Field) -> str:
    if isinstance(value, Range):
        return amounts_written(value, field) if field in SCALES else dates_written(value)
    text = given_written(value) if isinstance(value, Given) else str(value)
    return _quoted(text) if _NEEDS_QUOTES.search(text) else text
