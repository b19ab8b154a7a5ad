"""What a recording or a film says of itself in the tags of its container: facts."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import BinaryIO

from av.container import InputContainer

from engine.facts import Facts
from engine.media import samples, stated
from engine.media.frames import open_film
from engine.types import Modality

MAX_TAGS = 400
"""How many entries are looked at."""

_TITLE = ("title", "inam", "com.apple.quicktime.title")
_ARTIST = ("artist", "author", "performer", "album_artist", "com.apple.quicktime.artist")
_ALBUM = ("album", "show")
_DESCRIPTION = ("description", "synopsis", "com.apple.quicktime.description", "tit3", "subtitle")
_COMMENT = ("comment", "comments", "com.apple.quicktime.comment")
_LYRICS = ("lyrics", "unsyncedlyrics")
_TAGS = ("genre", "keywords", "com.apple.quicktime.keywords")
_MAKER = ("com.apple.quicktime.make", "make", "com.android.manufacturer")
_MODEL = ("com.apple.quicktime.model", "model", "com.android.model")
_PLACE = ("com.apple.quicktime.location.iso6709", "location", "recording_location")
_DATES = (
    "com.apple.quicktime.creationdate",  # with its zone; creation_time is that of Greenwich
    "date_recorded",
    "origination_date",
    "originaldate",
    "date",
    "year",
    "creation_time",
)
_RATINGS = {"rating": 0.0, "fmps_rating": 1.0, "wm/shareduserrating": 99.0}
"""Tags with a rating and the scale it is on; 0 where every program has its own."""

_SCALES = (stated.STARS, 100, 255)
_IN_STREAMS = frozenset({"ogg", "ogv"})
_LANGUAGE_DIGITS = 3


def recording_facts(file: BinaryIO, found: str, modality: Modality) -> Facts:
    """Read the tags and the stated duration of an open recording or film.

    Width and height of a film are known from its frames.
    """
    open_it = open_film if modality is Modality.VIDEO else samples.open_recording
    with open_it(file, found) as container:
        tags = dict(islice(_tags(container, found), MAX_TAGS))
        seconds = samples.duration_seconds(container)
    return facts_of(tags, None if not seconds or seconds < 0 else round(seconds * 1000))


def facts_of(tags: Mapping[str, str], duration_ms: int | None = None) -> Facts:
    """Read tags whose keys are in lower case and name no language."""
    dates = (stated.moment(tags.get(key)) for key in _DATES)
    places = (stated.place(tags.get(key)) for key in _PLACE)
    latitude, longitude = next((one for one in places if one), (None, None))
    return Facts(
        duration_ms=duration_ms,
        taken=next((one for one in dates if one is not None), None),
        camera=stated.camera(_first(tags, _MAKER), _first(tags, _MODEL)),
        latitude=latitude,
        longitude=longitude,
        rating=_rating(tags),
        tags=stated.keywords(_keywords(tags)),
        about=stated.about(
            title=_first(tags, _TITLE),
            description=_first(tags, _DESCRIPTION),
            artist=_first(tags, _ARTIST),
            album=_first(tags, _ALBUM),
            composer=tags.get("composer"),
            comment=stated.unless_boilerplate(_first(tags, _COMMENT)),
            lyrics=_first(tags, _LYRICS),
        ),
    )


def _tags(container: InputContainer, found: str) -> Iterator[tuple[str, str]]:
    """Give key and text of the file's tags; Ogg has them in its streams. Covers have their own."""
    known = list(container.metadata.items())
    if found in _IN_STREAMS:
        known += [pair for stream in container.streams for pair in stream.metadata.items()]
    for key, text in reversed(known):  # of equal keys the first is to stay
        name, dash, language = key.casefold().rpartition("-")
        is_plain = not dash or len(language) != _LANGUAGE_DIGITS
        yield (key.casefold() if is_plain else name), text


def _first(tags: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((tags[key] for key in keys if tags.get(key, "").strip()), "")


def _keywords(tags: Mapping[str, str]) -> Iterator[str]:
    for key in _TAGS:
        text = tags.get(key, "")[: stated.MAX_WORDS]
        yield from text.replace("\0", ";").replace(",", ";").split(";")


def _rating(tags: Mapping[str, str]) -> int | None:
    """Read stars; a rating without a scale is on the smallest one that it fits."""
    for key, full in _RATINGS.items():
        scales = (full,) if full else _SCALES
        fitting = (stated.stars(tags.get(key), scale) for scale in scales)
        known = next((one for one in fitting if one is not None), None)
        if known is not None:
            return known
    return None
