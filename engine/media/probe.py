"""What a file is, by its content, and the digest of its bytes."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import MediaError
from engine.media.files import open_regular
from engine.media.formats import HEAD_BYTES, SHARED, identify, is_open_question, sniff
from engine.media.id3 import end_of_tags
from engine.media.reasons import Reason
from engine.types import Modality

MAX_DIGEST_BYTES = 8 << 30
"""Larger files are not hashed."""

MAX_SMALL_BYTES = 4 << 30
"""Pictures and texts are smaller: what MAX_PIXELS admits takes a quarter of it."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Probe:
    """A regular file with something in it that we read.

    Attributes:
        modality: decided by content; for texts by suffix.
        format: short and stable, for example ``jpeg``, ``flac``, ``mp4``, ``srt``.
        size: bytes.
        mtime_ns: when the content last changed, nanoseconds since 1970.
        inode: with device, tells hard links of one file.
        device: the file system it lies on.
    """

    modality: Modality
    format: str
    size: int
    mtime_ns: int
    inode: int
    device: int


def probe(path: Path) -> Probe:
    """Tell what a file is from its status and first bytes, without decoding.

    Raises:
        MediaError: not-regular, permission, vanished, io, empty, unsupported, undecodable,
            container-not-allowed or binary.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        modality, found = identify_file(file, path)
    return Probe(modality, found, status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


def has_open_question(path: Path) -> bool:
    """Tell whether `probe` needs a decoder: only the tracks inside say what the file is.

    Raises:
        MediaError: not-regular, permission, vanished or io.
    """
    with open_regular(path) as file:
        return is_open_question(file.read(HEAD_BYTES), path.suffix.lower())


def identify_file(file: BinaryIO, path: Path) -> tuple[Modality, str]:
    """Decide modality and format of an open file, which is left at its beginning.

    Raises:
        MediaError: empty, unsupported, undecodable, container-not-allowed or binary.
    """
    head = file.read(HEAD_BYTES)
    if not head:
        raise MediaError(Reason.EMPTY)
    found = identify(head, path.suffix.lower())
    if head.startswith(b"ID3") and found[0] is Modality.AUDIO:
        found = _behind_id3(file) or found
    elif is_open_question(head, path.suffix.lower()):
        found = _by_tracks(file, found)
    file.seek(0)
    return found


def _by_tracks(file: BinaryIO, found: tuple[Modality, str]) -> tuple[Modality, str]:
    """Look for pictures in a container that may as well be a recording."""
    from engine.media.samples import has_sound_alone

    file.seek(0)
    return (Modality.AUDIO, SHARED[found[1]][0]) if has_sound_alone(file, found[1]) else found


def _behind_id3(file: BinaryIO) -> tuple[Modality, str] | None:
    """Look behind ID3 tags, which are put before FLAC and AAC too; None if that says nothing."""
    file.seek(end_of_tags(file))
    found = sniff(file.read(HEAD_BYTES))
    return (Modality.AUDIO, found) if found in {"flac", "aac", "aiff", "wav"} else None


def digest(
    path: Path,
    *,
    at_most: int = MAX_DIGEST_BYTES,
    meanwhile: Callable[[], None] = lambda: None,
) -> bytes:
    """Hash a file's bytes with SHA-256, in blocks: 32 bytes.

    Args:
        path: of the file.
        at_most: so many bytes.
        meanwhile: called for each block; what it raises ends the hashing.

    Raises:
        MediaError: too-big, before reading anything, when the file has more than that many bytes;
            also when it grows beyond that meanwhile. Else as ``probe`` for bad files.
    """
    sha = hashlib.sha256()
    with open_regular(path) as file:
        left = at_most
        _check_size(os.fstat(file.fileno()).st_size, at_most)
        while block := file.read(_BLOCK):
            left -= len(block)
            meanwhile()
            _check_size(at_most - left, at_most)
            sha.update(block)
    return sha.digest()


def most_bytes(modality: Modality) -> int:
    """How many bytes a file of a modality may have."""
    is_long = modality in {Modality.AUDIO, Modality.VIDEO}
    return MAX_DIGEST_BYTES if is_long else MAX_SMALL_BYTES


def _check_size(size: int, at_most: int) -> None:
    """Refuse a file of more than ``at_most`` bytes."""
    if size > at_most:
        raise MediaError(Reason.TOO_BIG, f"{size:,} bytes, more than {at_most:,}")
