"""From what was typed to a query: words, files with their parts, examples, things to push away."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from engine.grammar import Operand, operand, parse
from engine.grammar.tokens import WORDS_PREFIX
from engine.query import Query, Term
from engine.types import Modality

if TYPE_CHECKING:
    from engine.library import Library

_ID = re.compile("#[0-9a-f]{6,64}")
"""What hits are shown with, and where a file may be named."""

_SIGNS = {"+": 1.0, "-": -1.0}


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a query as they were typed.

    Attributes:
        terms: words, files, ids, and lone signs before any of these.
        files: by the modality that an option names.
        without: words or files to push away.
        like: files or ids that are what is meant.
        unlike: files or ids that are not.
    """

    terms: Sequence[str] = ()
    files: Mapping[Modality, Sequence[str]] = field(default_factory=dict)
    without: Sequence[str] = ()
    like: Sequence[str] = ()
    unlike: Sequence[str] = ()


def query_of(asked: Asked, library: "Library") -> Query:
    """The query; UsageError where a part cannot be read or is no file to search with."""
    words, operands = _from_stdin() if list(asked.terms) == ["-"] else files_among(asked.terms)
    parts = [parse(" ".join(words))] if any(word.strip() for word in words) else []
    terms = [_term(one, library) for one in operands]
    terms += [
        _checked(_with(operand(text, _names_file), modality))
        for modality, texts in asked.files.items()
        for text in texts
    ]
    judged = [operand(text, _names_file) for text in asked.like]
    judged += [_away(operand(text, _names_file)) for text in asked.unlike]
    terms += [replace(_term(one, library), known=True) for one in judged]
    parts += [_pushed_away(text, library) for text in asked.without]
    words_first = [term for part in parts for term in part.terms]
    return Query(
        more=(*words_first, *terms), filters=tuple(one for part in parts for one in part.filters)
    )


def like_these(texts: Sequence[str], library: "Library") -> Query:
    """The query of files and ids alone."""
    return Query(more=tuple(_term(operand(text, _names_file), library) for text in texts))


def files_among(terms: Sequence[str]) -> tuple[list[str], list[Operand]]:
    """Split query terms into words and files: `./x.jpg`, the path of a file that is there, an id.

    A lone sign right before a file belongs to it. `text:x.jpg` is always words.
    """
    words: list[str] = []
    files: list[Operand] = []
    signed = False
    for term in terms:
        if term.startswith(WORDS_PREFIX):
            words += [WORDS_PREFIX + one for one in term.removeprefix(WORDS_PREFIX).split()]
        elif found := _file(term):
            sign = _SIGNS[words.pop()] if signed else 1.0
            files.append(replace(found, weight=sign * found.weight))
        else:
            words.append(term)
        signed = term in _SIGNS
    return [os.fsencode(word).decode(errors="replace") for word in words], files


def _file(term: str) -> Operand | None:
    found = operand(term, _names_file)
    meant = term.startswith(("./", "/", "~/"))
    return found if meant or _names_file(str(found.path)) else None


def _from_stdin() -> tuple[list[str], list[Operand]]:
    raw = sys.stdin.buffer.read() if sys.stdin else b""
    return raw.decode(errors="replace").split(), []


def _names_file(text: str) -> bool:
    if _ID.fullmatch(text):
        return True
    return os.path.isfile(text)  # noqa: PTH113  (pathlib fails on what is no path at all)


def _pushed_away(text: str, library: "Library") -> Query:
    words, files = files_among([text])
    if files:
        return Query(more=tuple(_term(_away(one), library) for one in files))
    found = -1 * parse(" ".join(words))
    return replace(found, filters=tuple(replace(f, negated=not f.negated) for f in found.filters))


def _away(one: Operand) -> Operand:
    return replace(one, weight=-one.weight)


def _term(one: Operand, library: "Library") -> Term:
    from engine.search.example import modality_of

    if _ID.fullmatch(str(one.path)):
        path, modality = library.path_of_id(str(one.path))
        return _checked(_with(replace(one, path=path), modality))
    return _checked(_with(one, modality_of(one.path)))


def _with(one: Operand, modality: Modality) -> Term:
    return Term(modality, one.path, one.weight, span=one.span, region=one.region)


def _checked(term: Term) -> Term:
    from engine.errors import UsageError

    if term.span is not None and term.modality not in {Modality.AUDIO, Modality.VIDEO}:
        raise UsageError(
            f"{term.payload} has no spans: it is no recording.",
            hint="Write @1:20-1:35 after a sound or a video.",
        )
    if term.region is not None and term.modality is not Modality.IMAGE:
        raise UsageError(
            f"{term.payload} has no regions: it is no picture.",
            hint="Write #10%,20%,50%,50% after a picture.",
        )
    return term
