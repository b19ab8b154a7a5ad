"""Which name describes which: a caption, a subtitle or a sidecar beside its media."""

import os
import re
from typing import TypeAlias

Place: TypeAlias = tuple[int, bytes]
"""Id of a root and a path relative to it."""

SIDECAR_FORMAT = "xmp"
"""Contents of this format say something about the media beside them and are none themselves."""

CAPTION_SUFFIX = b".txt"
"""A text of this suffix beside media of the same name describes that media."""

SUBTITLE_SUFFIXES = frozenset({b".srt", b".vtt"})

DESCRIBING = frozenset({CAPTION_SUFFIX, *SUBTITLE_SUFFIXES, b".xmp"})

# film.en.srt, film.pt-BR.srt, film.en.forced.srt
_LANGUAGE = re.compile(rb"\.[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?(\.(forced|sdh|cc|hi))?\Z")


def stem_of(path: bytes) -> bytes:
    """The path without the suffix of its last part; `.hidden` has no suffix."""
    return os.path.splitext(path)[0]  # noqa: PTH122  (pathlib takes no bytes)


def name_of(path: bytes) -> bytes:
    """The last part of a path."""
    return path.rpartition(b"/")[2]


def folder_of(path: bytes) -> bytes:
    """A path without its last part."""
    return path.rpartition(b"/")[0]


def described(path: bytes) -> tuple[bytes, ...]:
    """The names that media may have which this path describes, with or without their suffix.

    `x.txt` describes `x.jpg`, `x.jpg.txt` only that one; `film.en.srt` describes `film.mkv`.
    Empty for a path that describes nothing.
    """
    stem, suffix = os.path.splitext(path)  # noqa: PTH122
    if suffix.lower() not in DESCRIBING:
        return ()
    if suffix.lower() not in SUBTITLE_SUFFIXES:
        return (stem,)
    without = _LANGUAGE.sub(b"", stem)
    return (stem,) if without == stem or without.endswith(b"/") else (stem, without)


def describes(path: bytes, media: bytes) -> bool:
    """Whether a path describes the media at another path of the same root."""
    return not {stem_of(media), media}.isdisjoint(described(path))
