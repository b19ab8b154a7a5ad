"""What a file says about itself, read without decoding; what is broken is left out."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.facts import Facts
from engine.media.files import open_regular
from engine.media.formats import SIDECAR
from engine.media.text import heading, read_text
from engine.types import Modality

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""Raised when more is read than before; libraries then have the facts of all files read again."""

_IPTC_TAG, _RESOURCES_TAG = 33723, 34377


def read_facts(path: Path, modality: Modality, file_format: str) -> Facts:
    """Read what a file says about itself; never raises, for facts are what could be read.

    Args:
        path: the file.
        modality: as ``probe`` found it.
        file_format: as ``probe`` found it.

    Returns:
        Texts are clean, short and of one line. Width and height are those of a picture as shown;
        those of a film are known from its frames.
    """
    try:
        if modality is Modality.TEXT:
            return _of_text(path, file_format)
        with open_regular(path) as file:
            if modality is Modality.IMAGE:
                return _of_picture(file, file_format)
            from engine.media.tags import recording_facts

            return recording_facts(file, file_format, modality)
    except Exception:  # noqa: BLE001  (readers of foreign bytes raise anything)
        return Facts()


def _of_text(path: Path, file_format: str) -> Facts:
    from engine.media import stated
    from engine.media.xmp import sidecar_facts

    if file_format == SIDECAR:
        return sidecar_facts(path)
    if file_format != "md":
        return Facts()
    return Facts(about=stated.about(title=heading(read_text(path))))


def _of_picture(file: BinaryIO, file_format: str) -> Facts:
    """Read EXIF, XMP, IPTC and comments; people write titles with XMP, cameras dates with EXIF."""
    from engine.media import exif, pixels, stated
    from engine.media.chunks import Chunks, png_chunks
    from engine.media.iptc import iptc_facts
    from engine.media.xmp import xmp_facts

    chunks = png_chunks(file) if file_format == "png" else Chunks()
    file.seek(0)
    with pixels.open_picture(file, file_format) as picture:
        found = exif.exif_of(picture, chunks.exif)
        shot = exif.exif_facts(found)
        noted = xmp_facts(chunks.xmp or _packet(picture))
        filed = stated.merged(iptc_facts(one) for one in _records(picture))
        rest = [chunks.facts(), _comment(picture), exif.changed(found)]
        width, height = picture.size
        if pixels.lies_down(pixels.turned(found)):
            width, height = height, width
    told = stated.merged([noted, filed, shot, *rest])
    known = stated.merged([shot, noted, filed, *rest])
    return replace(
        known, width=width, height=height, rating=told.rating, tags=told.tags, about=told.about
    )


def _packet(picture: "Image.Image") -> bytes | str:
    """Find the XMP of an open picture."""
    packet = picture.info.get("xmp", b"")
    return packet if isinstance(packet, (bytes, str)) else b""


def _records(picture: "Image.Image") -> Iterator[bytes]:
    """Find IPTC records: among Photoshop's resources, and in TIFF in a tag of their own too."""
    from engine.media.iptc import RESOURCE, resource_of

    resources = picture.info.get("photoshop")
    if isinstance(resources, dict) and isinstance(resources.get(RESOURCE), bytes):
        yield resources[RESOURCE]
    if not hasattr(picture, "tag_v2"):
        return
    with contextlib.suppress(Exception):  # the tags may be of any kind and length
        yield resource_of(picture.tag_v2[_RESOURCES_TAG])
    with contextlib.suppress(Exception):
        yield bytes(memoryview(picture.tag_v2[_IPTC_TAG]))


def _comment(picture: "Image.Image") -> Facts:
    """Read the plain comment of a JPEG or GIF."""
    from engine.media import stated

    text = stated.words(picture.info.get("comment"))
    return Facts(about=stated.about(comment=stated.unless_boilerplate(text)))
