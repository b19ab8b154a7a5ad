"""What a camera writes into a picture: EXIF as facts."""

import contextlib
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from engine.facts import Facts
from engine.media import stated

_EXIF, _GPS = 0x8769, 0x8825
_DOCUMENT, _DESCRIPTION, _MAKER, _MODEL, _CHANGED, _ARTIST = 269, 270, 271, 272, 306, 315
_RATING, _RATING_PERCENT = 18246, 18249
_XP_TITLE, _XP_COMMENT, _XP_ARTIST, _XP_TAGS, _XP_SUBJECT = range(40091, 40096)
_TAKEN, _DIGITIZED, _COMMENT = 36867, 36868, 37510
_SOUTH_NORTH, _LATITUDE, _WEST_EAST, _LONGITUDE = 1, 2, 3, 4


def exif_of(picture: Image.Image, late: bytes = b"") -> Image.Exif:
    """Find the EXIF of an open picture without decoding it; empty if there is none to be read.

    Args:
        picture: opened and not loaded.
        late: EXIF that stands where Pillow would have to decode first.
    """
    try:
        if not late:
            return Image.Image.getexif(picture)  # PngImageFile's own would decode
        found = Image.Exif()
        found.load(late)
    except Exception:  # noqa: BLE001  (EXIF is often garbage, in more ways than Pillow names)
        return Image.Exif()
    return found


def exif_facts(exif: Image.Exif) -> Facts:
    """Read what was written when the picture was taken, and what people added to it."""
    inner, gps = _inner(exif, _EXIF), _inner(exif, _GPS)
    taken = (stated.moment(_text(inner, tag)) for tag in (_TAKEN, _DIGITIZED))
    rating = stated.stars(_value(exif, _RATING))
    if rating is None:
        rating = stated.stars(_value(exif, _RATING_PERCENT), 100)
    latitude, longitude = _place(gps) or (None, None)
    return Facts(
        taken=next((one for one in taken if one is not None), None),
        camera=stated.camera(_text(exif, _MAKER), _text(exif, _MODEL)),
        latitude=latitude,
        longitude=longitude,
        rating=rating,
        tags=stated.keywords(_wide(exif, _XP_TAGS).split(";")),
        about=_about(exif, inner),
    )


def changed(exif: Image.Exif) -> Facts:
    """Read when the picture was last changed, which is when it was taken unless that is known."""
    return Facts(taken=stated.moment(_text(exif, _CHANGED)))


def _about(exif: Image.Exif, inner: Mapping[int, Any]) -> tuple[tuple[str, str], ...]:
    written = _comment(_value(inner, _COMMENT), exif.endian)
    described = stated.unless_boilerplate(_text(exif, _DESCRIPTION)) or _wide(exif, _XP_SUBJECT)
    return stated.about(
        title=_wide(exif, _XP_TITLE) or _text(exif, _DOCUMENT),
        description=described,
        artist=_text(exif, _ARTIST) or _wide(exif, _XP_ARTIST),
        comment=stated.unless_boilerplate(written or _wide(exif, _XP_COMMENT)),
    )


def _inner(exif: Image.Exif, pointer: int) -> Mapping[int, Any]:
    """Open a directory inside; its values are decoded when asked for, unlike Pillow's get_ifd.

    A hostile one may claim the whole file for each of thousands of values.
    """
    at = _value(exif, pointer)
    if not isinstance(at, int) or not exif.head:
        return {}
    directory = ImageFileDirectory_v2(exif.head, group=pointer)
    with contextlib.suppress(Exception):  # what came before the damage is there
        exif.fp.seek(at)
        directory.load(exif.fp)
    return directory


def _value(directory: Mapping[int, Any], tag: int) -> Any:  # noqa: ANN401  (whatever was written)
    """Decode one value; None if it is not there or cannot be decoded."""
    try:
        value = directory.get(tag)
    except Exception:  # noqa: BLE001  (EXIF is often garbage, in more ways than Pillow names)
        return None
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _text(directory: Mapping[int, Any], tag: int) -> str:
    """Decode a text up to its first NUL; Pillow takes it for Latin-1, cameras write UTF-8 too."""
    value = _value(directory, tag)
    if isinstance(value, str):
        value = value[: 4 * stated.MAX_WORDS].encode("latin-1", "replace")
    return stated.words(value.split(b"\0")[0]) if isinstance(value, bytes) else ""


def _wide(directory: Mapping[int, Any], tag: int) -> str:
    """Decode a text of Windows, which writes UTF-16."""
    value = _value(directory, tag)
    if isinstance(value, tuple):
        value = bytes(one for one in value if isinstance(one, int) and 0 <= one < 256)  # noqa: PLR2004
    if not isinstance(value, bytes):
        return ""
    return stated.words(value[: 8 * stated.MAX_WORDS].decode("utf-16-le", "replace"))


def _comment(value: object, endian: str | None) -> str:
    """Decode a user comment, whose first eight bytes name its characters.

    Of UTF-16 the byte order is not said: that of the file, unless the other gives more letters.
    """
    if not isinstance(value, bytes):
        return ""
    kind, data = value[:8], value[8 : 8 + 4 * stated.MAX_WORDS]
    if kind != b"UNICODE\0":
        return stated.words(data.split(b"\0")[0])
    ends = ("be", "le") if endian == ">" else ("le", "be")
    readings = (data.decode(f"utf-16-{end}", "replace") for end in ends)
    return stated.words(max(readings, key=lambda text: sum(" " <= one < "\u0250" for one in text)))


def _place(gps: Mapping[int, Any]) -> stated.Place | None:
    """Read degrees, minutes and seconds, north or south, east or west."""
    try:
        latitude = _angle(_value(gps, _LATITUDE), _text(gps, _SOUTH_NORTH), "S")
        longitude = _angle(_value(gps, _LONGITUDE), _text(gps, _WEST_EAST), "W")
    except (TypeError, ValueError, ArithmeticError):
        return None
    return stated.on_earth(latitude, longitude)


def _angle(parts: Any, side: str, negative: str) -> float:  # noqa: ANN401  (whatever was written)
    angle = sum(float(part) / 60.0**power for power, part in enumerate(parts))
    return -angle if side.upper().startswith(negative) else angle
