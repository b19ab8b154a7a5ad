"""The words in a PNG, which may stand behind its pixels, without decoding those."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from engine.facts import Facts
from engine.media import stated

MAX_CHUNK_BYTES = 1 << 20
"""What is larger is not read, nor unpacked further."""

MAX_CHUNKS = 100_000
"""Cameras and programs write pixels in chunks of 8 KiB."""

MAX_TEXTS = 100

_KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf"})
_XMP = "XML:com.adobe.xmp"


@dataclass(slots=True)
class Chunks:
    """What was found: texts by their key, XMP and EXIF; empty where there is none."""

    texts: dict[str, str] = field(default_factory=dict)
    xmp: str = ""
    exif: bytes = b""

    def facts(self) -> Facts:
        """What the texts say, by the keywords of the PNG specification (11.3.3.2)."""
        keys = {key.casefold(): text for key, text in self.texts.items()}
        return Facts(
            taken=stated.moment(keys.get("creation time")),
            tags=stated.keywords(keys.get("keywords", "").split(",")),
            about=stated.about(
                title=keys.get("title"),
                description=keys.get("description"),
                artist=keys.get("author"),
                comment=keys.get("comment"),
            ),
        )


def png_chunks(file: BinaryIO) -> Chunks:
    """Walk over the chunks of a PNG, jumping over its pixels."""
    found = Chunks()
    for kind, data in islice(_walk(file), MAX_TEXTS):
        if kind == b"eXIf":
            found.exif = found.exif or data
            continue
        key, text = _text(kind, data)
        if key == _XMP:
            found.xmp = found.xmp or text
        elif key:
            found.texts.setdefault(key, text)
    return found


def _walk(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    file.seek(8)
    for _ in range(MAX_CHUNKS):
        header = file.read(8)
        size, kind = int.from_bytes(header[:4], "big"), header[4:]
        if len(header) < 8 or kind == b"IEND":  # noqa: PLR2004
            return
        wanted = kind in _KINDS and size <= MAX_CHUNK_BYTES
        if wanted:
            yield kind, file.read(size)
        file.seek(4 if wanted else size + 4, 1)


def _text(kind: bytes, data: bytes) -> tuple[str, str]:
    """Give key and text of a chunk; an international one names a language and a translation."""
    key, _, rest = data.partition(b"\0")
    name = key[:80].decode("latin-1")
    if kind == b"tEXt":
        return name, stated.decoded(rest)
    is_packed, packed = kind == b"zTXt", rest[1:]
    if kind == b"iTXt":
        is_packed, packed = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    try:
        plain = zlib.decompressobj().decompress(packed, MAX_CHUNK_BYTES) if is_packed else packed
    except zlib.error:
        return "", ""
    return name, stated.decoded(plain)
