"""Whether a file lacks its end, by the lengths and marks of its format."""

from typing import BinaryIO, Literal

_EDGE_BYTES = 16
_BOX_HEADER_BYTES = 8
_OGG_PAGE_BYTES = 65_307
_OGG_LAST = 4

_HEAD_BYTES = 24
_START_BYTES = 4096
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_SIZE = 40
_ISO_FORMATS = frozenset({"avif", "heic", "m4a", "mp4"})

# Recorders that cannot go back and fill in the size leave one of the largest numbers.
_WAV_UNKNOWN = 0x7FFF_0000

_SIZE_FIELDS: dict[str, tuple[int, int, Literal["little", "big"], int]] = {
    "webp": (4, 8, "little", 8),
    "avi": (4, 8, "little", 8),
    "bmp": (2, 6, "little", 0),
    "aiff": (4, 8, "big", 8),
    "w64": (16, 24, "little", 0),
    # Some recorders count wrongly by a few bytes, which nobody would hear.
    "wav": (4, 8, "little", 8 - 64),
}
"""Where a format states its size: first byte, end, order of bytes, and what to add."""


def is_cut(file: BinaryIO, found: str) -> bool:
    """Tell whether a file of a known format ends before its format says it does."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _EDGE_BYTES))
    tail = file.read(_EDGE_BYTES)
    match found:
        case "jpeg":
            return b"\xff\xd9" not in tail
        case "png":
            return b"IEND" not in tail
        case "gif":
            return not tail.rstrip(b"\0").endswith(b";")
        case "ogg" | "ogv":
            return _lacks_last_page(file, size)
        case _:
            return _stated_size(file, found, size) > size


def _stated_size(file: BinaryIO, found: str, size: int) -> int:
    """Read how large the file says it is; 0 when it does not say."""
    if found in _ISO_FORMATS:
        return _boxes_end(file, size)
    file.seek(0)
    if found in {"mka", "mkv"}:
        return _segment_end(file.read(_START_BYTES))
    if found in {"wma", "wmv"}:
        return _asf_size(file.read(_START_BYTES))
    head = file.read(_HEAD_BYTES)
    if found == "tiff":  # its directory often lies at the end
        return int.from_bytes(head[4:8], "little" if head[:1] == b"I" else "big") + 2
    if found not in _SIZE_FIELDS:
        return 0
    start, end, order, besides = _SIZE_FIELDS[found]
    stated = int.from_bytes(head[start:end], order) + besides
    return 0 if found == "wav" and stated >= _WAV_UNKNOWN else stated


def _lacks_last_page(file: BinaryIO, size: int) -> bool:
    """Tell whether the last page of an Ogg file is not marked as such."""
    file.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = file.read(_OGG_PAGE_BYTES)
    header = tail[tail.rfind(b"OggS") :][:6]
    return len(header) < 6 or not header[5] & _OGG_LAST  # noqa: PLR2004


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Walk over the outermost boxes of an ISO file: where the last one says that it ends."""
    at = 0
    while at < size:
        file.seek(at)
        length = int.from_bytes(file.read(4), "big")
        if length < _BOX_HEADER_BYTES:  # to the end of the file, or garbage
            return size
        at += length
    return at


def _segment_end(head: bytes) -> int:
    """Read where the Segment of a Matroska file ends; 0 when it does not say."""
    header, at = _ebml_size(head, 4)
    if header is None or head[at + header : at + header + 4] != b"\x18\x53\x80\x67":
        return 0
    size, begin = _ebml_size(head, at + header + 4)
    return 0 if size is None else begin + size


def _ebml_size(head: bytes, at: int) -> tuple[int | None, int]:
    """Read a number of 1 to 8 bytes: its value, None for "unknown", and where it ends."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    bits = 7 * length
    value = int.from_bytes(head[at : at + length], "big") & ((1 << bits) - 1)
    return (None if not first or value == (1 << bits) - 1 else value), at + length


def _asf_size(head: bytes) -> int:
    """Read the size that the File Properties Object states; 0 when it is not there."""
    at = head.find(_ASF_PROPERTIES) + _ASF_SIZE
    return int.from_bytes(head[at : at + 8], "little") if at >= _ASF_SIZE else 0
