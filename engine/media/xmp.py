"""What programs and people note of a medium in XMP, inside it or in a sidecar: facts."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from engine.errors import MediaError
from engine.facts import Facts
from engine.media import stated
from engine.media.files import open_regular
from engine.media.reasons import Reason

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_PACKET_BYTES = 1 << 20
"""A larger packet inside a medium is not read."""

MAX_SIDECAR_BYTES = 4 << 20
"""A larger sidecar is not read; masks painted in a program may fill megabytes."""

MAX_DEPTH = 100
MAX_NODES = 100_000
"""XML of more levels or elements is not read; the edits of a photo may be thousands."""

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NAMESPACES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
}
_TAGS = ("dc:subject", "Iptc4xmpExt:PersonInImage", "MicrosoftPhoto:LastKeywordXMP")
_PATHS = ("lr:hierarchicalSubject", "digiKam:TagsList")
_DATES = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
_ANGLE = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Values = dict[str, list[str]]


def xmp_facts(packet: bytes | str) -> Facts:
    """Read a packet; what is broken, too large or refers to entities says nothing."""
    data = packet.encode(errors="replace") if isinstance(packet, str) else packet
    if len(data) > MAX_PACKET_BYTES:
        return Facts()
    try:
        return _facts(_values(_parsed(data)))
    except ValueError:
        return Facts()


def sidecar_facts(path: Path) -> Facts:
    """Read a sidecar.

    Raises:
        MediaError: empty, undecodable, too-big, or as ``probe`` for bad files.
    """
    with open_regular(path) as file:
        data = file.read(MAX_SIDECAR_BYTES + 1)
    if not data:
        raise MediaError(Reason.EMPTY)
    if len(data) > MAX_SIDECAR_BYTES:
        raise MediaError(Reason.TOO_BIG, f"more than {MAX_SIDECAR_BYTES:,} bytes")
    try:
        return _facts(_values(_parsed(data)))
    except ValueError as error:
        raise MediaError(Reason.UNDECODABLE, "it is no XMP") from error


def words_of(facts: Facts) -> str:
    """Join what a sidecar says of its medium in words: title, description, keywords."""
    told = dict(facts.about)
    parts = (told.get("title"), told.get("headline"), told.get("description"))
    said = [one.rstrip(".") for one in parts if one]
    return ". ".join([*said, ", ".join(facts.tags)] if facts.tags else said)


def _parsed(data: bytes) -> "Element":
    """Parse XML that declares nothing; ValueError for what cannot be parsed."""
    from xml.etree.ElementTree import ParseError

    try:
        return _tree(data.rstrip(b"\0 \n\r"))
    except (ParseError, LookupError):
        text = _NO_XML.sub(" ", stated.decoded(data))
        text = text[max(0, text.find("<x:xmpmeta")) : text.rfind(">") + 1]
        try:
            return _tree(text)
        except (ParseError, LookupError) as error:
            raise ValueError("not XML") from error


def _tree(data: bytes | str) -> "Element":
    """Parse XML without declarations and of modest depth and size; ValueError for other."""
    from xml.etree.ElementTree import TreeBuilder

    from defusedxml.ElementTree import DefusedXMLParser

    open_now = elements = 0

    class Builder(TreeBuilder):
        def start(self, tag: str, attributes: dict[Any, Any], /) -> "Element":
            nonlocal open_now, elements
            open_now, elements = open_now + 1, elements + 1
            if open_now > MAX_DEPTH or elements > MAX_NODES:
                raise ValueError("too deep or too large")
            return super().start(tag, attributes)

        def end(self, tag: str, /) -> "Element":
            nonlocal open_now
            open_now -= 1
            return super().end(tag)

    parser = DefusedXMLParser(target=Builder(), forbid_dtd=True)
    parser.feed(data)
    return cast("Element", parser.close())


def _values(root: "Element") -> Values:
    """Gather the properties of the medium by their usual short names; not those of its parts."""
    found: Values = {}
    for name, texts in _properties(root):
        uri, _, local = name.removeprefix("{").partition("}")
        if uri in _NAMESPACES:
            found.setdefault(f"{_NAMESPACES[uri]}:{local}", []).extend(texts)
    return found


def _properties(root: "Element") -> Iterator[tuple[str, list[str]]]:
    for rdf in root.iter(f"{_RDF}RDF"):
        for subject in rdf.findall(f"{_RDF}Description"):
            yield from ((name, [text]) for name, text in subject.attrib.items())
            for child in subject:
                yield child.tag, _texts(child)


def _texts(node: "Element") -> list[str]:
    """Give the texts of a property; of a text in several languages the default one first."""
    items = list(islice(node.iter(f"{_RDF}li"), 4 * stated.MAX_TAGS))
    items.sort(key=lambda one: one.get(_LANGUAGE) != "x-default")
    return [one.text for one in items if one.text] or [node.text or ""]


def _facts(values: Values) -> Facts:
    dates = (stated.moment(_first(values, name)) for name in _DATES)
    latitude, longitude = _place(values) or (None, None)
    return Facts(
        taken=next((one for one in dates if one is not None), None),
        camera=stated.camera(_first(values, "tiff:Make"), _first(values, "tiff:Model")),
        latitude=latitude,
        longitude=longitude,
        rating=stated.stars(_first(values, "xmp:Rating")),
        tags=stated.keywords(_tags(values)),
        about=stated.about(
            title=_first(values, "dc:title"),
            headline=_first(values, "photoshop:Headline"),
            description=_first(values, "dc:description"),
            artist=_first(values, "dc:creator"),
            city=_first(values, "photoshop:City"),
            state=_first(values, "photoshop:State"),
            country=_first(values, "photoshop:Country"),
        ),
    )


def _tags(values: Values) -> Iterator[str]:
    """Give keywords; every step of a path such as Places|Italy is one."""
    for name in _TAGS:
        yield from values.get(name, ())
    for name in _PATHS:
        for path in values.get(name, ()):
            yield from re.split(r"[|/]", path) if name.startswith("digi") else path.split("|")


def _first(values: Values, name: str) -> str:
    return next(iter(values.get(name, ())), "")


def _place(values: Values) -> stated.Place | None:
    latitude = _angle(_first(values, "exif:GPSLatitude"))
    longitude = _angle(_first(values, "exif:GPSLongitude"))
    return None if latitude is None or longitude is None else stated.on_earth(latitude, longitude)


def _angle(text: str) -> float | None:
    """Read 52,31.2N or 52,31,12N."""
    found = _ANGLE.fullmatch(text[:40].strip())
    if found is None:
        return None
    angle = sum(float(part or 0) / 60.0**power for power, part in enumerate(found.groups()[:3]))
    return -angle if found[4] in "SW" else angle
