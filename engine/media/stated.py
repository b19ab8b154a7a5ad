"""What files state in words and numbers becomes clean values: texts, dates, places, stars."""

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TypeAlias

from engine.facts import Facts

MAX_WORDS = 4_000
"""Characters that are kept of any text."""

MAX_TAG = 200
MAX_TAGS = 300

KINDS = (
    "title",
    "headline",
    "description",
    "artist",
    "album",
    "composer",
    "comment",
    "city",
    "state",
    "country",
    "lyrics",
)
"""The texts that facts may hold, in their order."""

STARS = 5

Place: TypeAlias = tuple[float, float]

_BOILERPLATE = (
    "olympus digital camera",
    "minolta digital camera",
    "konica minolta digital camera",
    "samsung camera pictures",
    "digital still",
    "digital camera",
    "sony dsc",
    "dcim",
    "exif_jpeg",
    "exif jpeg",
    "default",
    "untitled",
    "charset=",
    "creator: gd",
    "created with",
    "optimized by",
    "file written by",
    "compressed by",
    "lead technologies",
    "processed by",
    "screenshot",
    "lavc",
    "ac tech",
    "jpeg encoder",
    "applemark",
    "cmp3.",
    "encoded by",
    "00000000 0",  # how iTunes notes the gaps between songs
)
"""Beginnings, in lower case, of what programs write where people were to describe or comment."""

_YEARS = range(1000, 2101)  # databases write 0001-01-01 for nothing, and 9999-12-31
_CLOCKS_AT_ZERO = frozenset({"1904-01-01T00:00:00", "1970-01-01T00:00:00"})
_DATE = re.compile(
    r"\s*(\d{4})(?:[-:/. ]?(\d{2})(?:[-:/. ]?(\d{2})(?:[T\s]*(\d{2}):?(\d{2})(?::?(\d{2}))?)?)?)?"
    r"(?!\d)"
)
_PLACE = re.compile(r"\s*([+-])(\d{2,6}(?:\.\d+)?)([+-])(\d{3,7}(?:\.\d+)?)")
_BLANKS = frozenset("\t\n\r\v\f")


def words(value: object, at_most: int = MAX_WORDS) -> str:
    """Clean a text: one line, no control characters, at most so many characters; else empty."""
    if isinstance(value, bytes):
        value = decoded(value[: 4 * at_most])
    if not isinstance(value, str):
        return ""
    shown = value[: 4 * at_most]
    if not shown.isprintable():
        shown = "".join(map(_shown, shown))
    return " ".join(unicodedata.normalize("NFC", shown).split())[:at_most].rstrip()


def _shown(character: str) -> str:
    """Keep what can be seen; controls part words, and half a surrogate pair is no character."""
    if character.isprintable() or character in "\u200d\ufe0f":
        return character
    kind = unicodedata.category(character)
    return " " if character in _BLANKS or kind in {"Cc", "Cs", "Zl", "Zp", "Zs"} else ""


def decoded(data: bytes) -> str:
    """Turn bytes into characters: UTF-8, or Windows-1252 if they cannot be that."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def unless_boilerplate(text: str) -> str:
    """Give a text that a person may have written; empty for those of programs."""
    return "" if text.casefold().strip().startswith(_BOILERPLATE) else text


def keywords(values: Iterable[object]) -> tuple[str, ...]:
    """Clean keywords, each once whatever its case, in their order."""
    once: dict[str, str] = {}
    for one in islice(values, 4 * MAX_TAGS):
        tag = words(one, MAX_TAG)
        once.setdefault(tag.casefold(), tag)
    once.pop("", None)
    return tuple(islice(once.values(), MAX_TAGS))


def about(**texts: object) -> tuple[tuple[str, str], ...]:
    """Clean texts by what they are, in the order of KINDS; what is said twice is kept once."""
    found: dict[str, str] = {}
    for kind in KINDS:
        text = words(texts.get(kind))
        if text and text.casefold() not in (one.casefold() for one in found.values()):
            found[kind] = text
    return tuple(found.items())


def moment(text: object) -> int | None:
    """Read a date, perhaps with a time, as seconds since 1970 of that clock; zones are left out.

    Understands EXIF (2023:05:01 12:30:00), ISO 8601 whole or in part, and IPTC (20230501).
    None for what is no date, such as 0000:00:00, and for a clock that was never set.
    """
    found = _DATE.match(words(text, 40))
    if found is None or int(found[1]) not in _YEARS:
        return None
    year, month, day, hour, minute, second = (int(one) if one else 0 for one in found.groups())
    try:
        made = datetime(year, month or 1, day or 1, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if found[4] and made.isoformat()[:19] in _CLOCKS_AT_ZERO:
        return None
    return int(made.timestamp())


def place(text: object) -> Place | None:
    """Read a point in ISO 6709, for example +52.5200+013.4050/ or +5231.2+01324.3/."""
    found = _PLACE.match(words(text, 100))
    if found is None:
        return None
    latitude = _degrees(found[2], 2) * (-1 if found[1] == "-" else 1)
    longitude = _degrees(found[4], 3) * (-1 if found[3] == "-" else 1)
    return on_earth(latitude, longitude)


def _degrees(digits: str, whole: int) -> float:
    """Read degrees, or degrees with minutes, or with seconds too, by the number of digits."""
    ahead = len(digits.partition(".")[0])
    if ahead <= whole:
        return float(digits)
    parts = [digits[:whole], *(digits[at : at + 2] for at in range(whole, ahead, 2))]
    parts[-1] += digits[ahead:]
    return sum(float(part) / 60.0**power for power, part in enumerate(parts))


def on_earth(latitude: float, longitude: float) -> Place | None:
    """Check a point in degrees; 0, 0 is what receivers write that found no satellite."""
    if not (math.isfinite(latitude) and math.isfinite(longitude)) or not (latitude or longitude):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:  # noqa: PLR2004
        return None
    return round(latitude, 6), round(longitude, 6)


def stars(value: object, full: float = STARS) -> int | None:
    """Read a rating on a scale that ends at ``full`` as 0 to 5 stars; None for what is none."""
    try:
        number = float(words(value, 20) if isinstance(value, (str, bytes)) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    share = number / full
    return int(share * STARS + 0.5) if 0 <= share <= 1 else None


def camera(maker: object, model: object) -> str:
    """Join maker and model, without saying the maker twice."""
    made, name = words(maker, MAX_TAG), words(model, MAX_TAG)
    first = name.casefold().partition(" ")[0]
    return name if first in made.casefold().split() else f"{made} {name}".strip()


def merged(parts: Iterable[Facts]) -> Facts:
    """Join facts of one content; where two say different things, the first is believed."""
    known = list(parts)
    texts = {kind: text for part in reversed(known) for kind, text in part.about}
    spot = next((part for part in known if part.latitude is not None), Facts())
    return Facts(
        width=_first(part.width for part in known),
        height=_first(part.height for part in known),
        duration_ms=_first(part.duration_ms for part in known),
        taken=_first(part.taken for part in known),
        camera=next((part.camera for part in known if part.camera), ""),
        latitude=spot.latitude,
        longitude=spot.longitude,
        rating=_first(part.rating for part in known),
        tags=keywords(chain.from_iterable(part.tags for part in known)),
        about=about(**texts),
    )


def _first(values: Iterable[int | None]) -> int | None:
    return next((one for one in values if one is not None), None)
