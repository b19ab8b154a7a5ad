"""Conditions on files: their names, and how what stands after the colon is read."""

import os.path
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from engine.grammar.amounts import SCALES, amount
from engine.grammar.dates import dates, moment
from engine.grammar.labels import given
from engine.grammar.operands import expanded
from engine.grammar.places import box, near
from engine.grammar.ranges import range_of
from engine.grammar.tokens import Piece, Token
from engine.query import Field, Filter, Range, Value
from engine.types import Modality

_SYNONYMS: Mapping[Field, tuple[str, ...]] = {
    Field.KIND: ("kind", "type", "modality"),
    Field.FOLDER: ("in", "folder"),
    Field.UNDER: ("under", "path"),
    Field.NAME: ("name", "filename"),
    Field.FORMAT: ("format", "ext"),
    Field.DATE: ("date", "after", "before"),
    Field.TAKEN: ("taken",),
    Field.MODIFIED: ("modified",),
    Field.DURATION: ("duration", "length"),
    Field.SIZE: ("size",),
    Field.WIDTH: ("width",),
    Field.HEIGHT: ("height",),
    Field.SHAPE: ("shape", "orientation"),
    Field.CAMERA: ("camera",),
    Field.PLACE: ("near", "place", "box"),
    Field.TAG: ("tag", "tags", "keyword", "keywords"),
    Field.RATING: ("rating",),
    Field.LABEL: ("label",),
}
_FIELDS = {name: field for field, names in _SYNONYMS.items() for name in names}
NAMES = frozenset(_FIELDS)

_KINDS = {
    **dict.fromkeys(("image", "images", "photo", "photos", "picture", "pictures"), Modality.IMAGE),
    **dict.fromkeys(("audio", "sound", "sounds", "music"), Modality.AUDIO),
    **dict.fromkeys(("video", "videos", "film", "films", "movie", "movies"), Modality.VIDEO),
    **dict.fromkeys(("text", "texts", "document", "documents"), Modality.TEXT),
}
_SHAPES = {one: one for one in ("portrait", "landscape", "square")}
_SHAPES |= {"vertical": "portrait", "horizontal": "landscape"}

_WHOLE: Mapping[str, Callable[[Token, datetime], Value]] = {
    "after": lambda token, now: Range(_bound(token, now), None),
    "before": lambda token, now: Range(None, _bound(token, now)),
    "near": lambda token, _now: near(token),
    "place": lambda token, _now: near(token),
    "box": lambda token, _now: box(token),
}
"""Names whose values together are one: the commas in them belong to it."""


def condition(token: Token, now: datetime, *, negated: bool) -> Filter:
    """The filter that a token means; GrammarError pointing at the value that is off."""
    field = _FIELDS[token.name]
    if token.name in _WHOLE:
        return Filter(field, (_WHOLE[token.name](token, now),), negated)
    read = partial(dates, now=now) if field in _DATES else _READ[field]
    return Filter(field, tuple(dict.fromkeys(read(one) for one in token.values)), negated)


_DATES = frozenset({Field.DATE, Field.TAKEN, Field.MODIFIED})


def _bound(token: Token, now: datetime) -> int:
    if len(token.values) > 1:
        raise token.values[1].mistake(
            f"'{token.name}:' takes one date.", "For several: date:2021,2023 or date:2021..2023"
        )
    return moment(token.values[0].text.strip(), token.values[0], now).least


def _one_of(piece: Piece, known: Mapping[str, str], what: str) -> str:
    word = piece.text.strip().lower()
    if word not in known:
        values = ", ".join(dict.fromkeys(str(one) for one in known.values()))
        raise piece.mistake(f"{piece.text} is no {what}.", f"Write one of: {values}")
    return str(known[word])


def _stripped(piece: Piece, edges: str) -> str:
    """The text without blanks, and without the characters of that class at its edges."""
    text = re.sub(rf"^[\s{edges}]+|\s+$", "", piece.text)
    if not text:
        raise piece.mistake(f"{piece.text} says nothing.", "Write at least one letter.")
    return text


def _folder(piece: Piece) -> str:
    return re.sub(r"[\s/]+$", "", _stripped(piece, "/"))


def _under(piece: Piece) -> str:
    path = expanded(piece.text.strip())
    if not path.startswith("/"):
        raise piece.mistake(
            f"{piece.text} is not a whole path.",
            "Begin it with / or ~/ ; for a folder of any path write in:holiday",
        )
    return str(Path(os.path.normpath(path)))


def _in_range(field: Field) -> Callable[[Piece], Value]:
    return partial(range_of, read=partial(amount, field=field))


_READ: Mapping[Field, Callable[[Piece], Value]] = {
    Field.KIND: partial(_one_of, known=_KINDS, what="kind of file"),
    Field.FOLDER: _folder,
    Field.UNDER: _under,
    Field.NAME: partial(_stripped, edges=""),
    Field.FORMAT: lambda piece: _stripped(piece, ".").lower(),
    Field.SHAPE: partial(_one_of, known=_SHAPES, what="shape"),
    Field.CAMERA: partial(_stripped, edges=""),
    Field.TAG: partial(_stripped, edges=""),
    Field.LABEL: given,
    **{field: _in_range(field) for field in SCALES},
}
