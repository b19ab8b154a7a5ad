"""Places on the earth: a circle or a box, in degrees."""

import re

from engine.errors import GrammarError
from engine.grammar.tokens import Piece, Token
from engine.query import Box, Near

_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,10})?")
_DISTANCE = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,6})?)\s*(km|mi|m|)", re.IGNORECASE)
_KM = {"km": 1.0, "": 1.0, "m": 0.001, "mi": 1.609344}

_DEFAULT_KM = 10.0
_FARTHEST_KM = 20_038.0
"""Half of the way around the earth."""

_POLE, _DATE_LINE = 90.0, 180.0


def near(token: Token) -> Near:
    """`LAT,LON` or `LAT,LON,10km`; GrammarError pointing at what is off."""
    parts = _parts(token)
    if len(parts) not in {2, 3}:
        raise _shape(token, "near:48.14,11.58 or near:48.14,11.58,10km")
    km = _distance(parts[2]) if parts[2:] else _DEFAULT_KM
    return Near(_degrees(parts[0], _POLE), _degrees(parts[1], _DATE_LINE), km)


def box(token: Token) -> Box:
    """`SOUTH,WEST,NORTH,EAST`; GrammarError pointing at what is off."""
    parts = _parts(token)
    if len(parts) != 4:  # noqa: PLR2004
        raise _shape(token, "box:47.2,5.8,55.1,15.1, that is south, west, north, east")
    south, north = (_degrees(one, _POLE) for one in parts[::2])
    west, east = (_degrees(one, _DATE_LINE) for one in parts[1::2])
    if south >= north:
        raise parts[2].mistake("The north of a box lies north of its south.", "Swap the two.")
    return Box(south, west, north, east)


def _parts(token: Token) -> list[Piece]:
    """The numbers between commas, inside of quotes too."""
    return [
        Piece(one.line, one.start, one.end, text.strip())
        for one in token.values
        for text in one.text.split(",")
    ]


def _shape(token: Token, example: str) -> GrammarError:
    first, last = token.values[0], token.values[-1]
    whole = Piece(first.line, first.start, last.end, "")
    return whole.mistake(f"This is no place for '{token.name}:'.", f"Write {example}")


def _degrees(piece: Piece, most: float) -> float:
    if not _NUMBER.fullmatch(piece.text) or abs(float(piece.text)) > most:
        raise piece.mistake(
            f"{piece.text} is no number of degrees from -{most:.0f} to {most:.0f}.",
            "Write degrees with a point: 48.14; south and west are below 0.",
        )
    return float(piece.text)


def _distance(piece: Piece) -> float:
    found = _DISTANCE.fullmatch(piece.text)
    km = round(float(found[1]) * _KM[found[2].lower()], 9) if found else 0.0
    if not 0 < km <= _FARTHEST_KM:
        raise piece.mistake(f"{piece.text} is no distance.", "Write for example 500m, 10km or 6mi")
    return km


def place_written(place: Near | Box) -> str:
    """The condition as one would type it."""
    if isinstance(place, Near):
        km = "" if place.km == _DEFAULT_KM else f",{_distance_written(place.km)}"
        return f"near:{_plain(place.latitude)},{_plain(place.longitude)}{km}"
    sides = (place.south, place.west, place.north, place.east)
    return f"box:{','.join(map(_plain, sides))}"


def _distance_written(km: float) -> str:
    return f"{_plain(km * 1000)}m" if km < 1 else f"{_plain(km)}km"


def _plain(number: float) -> str:
    """Without an exponent."""
    return f"{number:.10f}".rstrip("0").rstrip(".")
