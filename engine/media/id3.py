"""ID3 tags before a recording: where they end, and how many frames are in them.

The layout is that of id3.org's "ID3 tag version 2.4.0 - Main Structure", and of 2.3 and 2.2.
"""

from collections.abc import Iterator
from typing import BinaryIO

MAX_FRAMES = 5_000
"""FFmpeg compares each frame with all before it: 100,000 keep it busy for minutes."""

MAX_TAGS = 64
"""Of those that follow each other; real files have one or two."""

_HEADER = 10
_FOOTER, _EXTENDED = 0x10, 0x40
_V2, _V4 = 2, 4


def end_of_tags(file: BinaryIO) -> int:
    """Where the tags end that a file begins with, one or several; 0 where there is none."""
    return max((end for _, end, _ in _tags(file)), default=0)


def is_overfull(file: BinaryIO) -> bool:
    """Whether the tags that a file begins with have more than MAX_FRAMES frames in all."""
    frames = 0
    for start, end, header in _tags(file):
        frames += _count(file, start + _HEADER, end, header)
        if frames > MAX_FRAMES:
            return True
    return False


def _tags(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Give start, end and header of the first MAX_TAGS tags."""
    at = 0
    for _ in range(MAX_TAGS):
        header = _read(file, at, _HEADER)
        size = _size(header)
        if not size:
            return
        yield at, at + size, header
        at += size


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _size(header: bytes) -> int:
    """Bytes of a tag with its header; 0 for what is none."""
    if len(header) < _HEADER or header[:3] != b"ID3" or max(header[6:]) > 0x7F:  # noqa: PLR2004
        return 0
    footer = _HEADER if header[3] >= _V4 and header[5] & _FOOTER else 0
    return _HEADER + _syncsafe(header[6:]) + footer


def _syncsafe(digits: bytes) -> int:
    """Read a number of seven bits for each byte."""
    number = 0
    for byte in digits:
        number = number << 7 | byte & 0x7F
    return number


def _count(file: BinaryIO, at: int, end: int, header: bytes) -> int:
    """Count the frames of a tag up to padding, its end, or one more than MAX_FRAMES."""
    version, flags = header[3], header[5]
    if version > _V2 and flags & _EXTENDED:
        digits = _read(file, at, 4)
        at += _syncsafe(digits) if version >= _V4 else 4 + int.from_bytes(digits, "big")
    length = 6 if version <= _V2 else 10
    frames = 0
    while at + length <= end and frames <= MAX_FRAMES:
        frame = _read(file, at, length)
        if len(frame) < length or not frame[0]:
            break
        digits = frame[3:6] if version <= _V2 else frame[4:8]
        plain = version < _V4 or max(digits) > 0x7F  # noqa: PLR2004  (some write 2.4 as if 2.3)
        at += length + (int.from_bytes(digits, "big") if plain else _syncsafe(digits))
        frames += 1
    return frames
