"""Which formats are read and how their first bytes tell them apart, whatever the file is called."""

import re
from pathlib import PurePath
from types import MappingProxyType

from engine.errors import MediaError
from engine.media.reasons import Reason
from engine.types import Modality

_READ = {
    Modality.IMAGE: "jpg jpeg jpe jfif png apng gif webp bmp dib tif tiff avif heic heif ico",
    Modality.AUDIO: (
        "wav wave w64 rf64 bwf flac ogg oga opus spx mp3 mp2 m4a m4b aac aif aiff aifc caf au snd"
        " wma wv mka weba"
    ),
    Modality.VIDEO: (
        "mp4 m4v mov qt mkv webm avi divx wmv asf flv f4v mpg mpeg mpe mts m2ts 3gp 3g2 ogv"
    ),
    Modality.TEXT: "txt text md markdown srt vtt xmp",
}

_NOT_READ = {
    # Parts of a disc that mean little alone, and what only one maker's machines wrote.
    "a rare video": "vob rm rmvb dv mxf wtv",
    # Their readers run programs or reach for other files.
    "a drawing or document": (
        "svg svgz eps ps ai pdf djvu psd psb xcf kra doc docx odt rtf epub html htm"
    ),
    # The picture inside that Pillow finds is a thumbnail.
    "a raw photo": ("raw dng cr2 cr3 crw nef nrw arw sr2 srf orf rw2 raf pef srw x3f 3fr iiq"),
    "a rare picture": "jxl jp2 j2k jpf jpx exr hdr dds tga pcx ppm pgm pbm fits dcm icns cur",
    "a rare sound": ("ape amr ac3 dts dsf dff tta mpc ra mid midi mod xm it s3m aa aax m4p"),
    # They name other files and addresses.
    "a playlist": "m3u m3u8 pls xspf asx wpl cue mpd sdp ffconcat strm url",
}

MODALITY_OF_SUFFIX = MappingProxyType(
    {f".{name}": modality for modality, names in _READ.items() for name in names.split()}
)
"""What a scan takes a name for."""

UNSUPPORTED_SUFFIXES = MappingProxyType(
    {f".{name}": kind for kind, names in _NOT_READ.items() for name in names.split()}
)
"""Media that people keep and we do not read (yet); a scan reports these instead of hiding them."""

SIDECAR = "xmp"
"""The format of files that say something of the medium beside them, and nothing else."""

TEXT_FORMATS = MappingProxyType(
    {".md": "md", ".markdown": "md", ".srt": "srt", ".vtt": "vtt", f".{SIDECAR}": SIDECAR}
)

IMAGE_FORMATS = frozenset({"jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", "heic", "ico"})

VIDEO_FORMATS = frozenset({"mp4", "mkv", "avi", "wmv", "flv", "mpg", "ts", "ogv"})

SHARED: MappingProxyType[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        "mp4": ("m4a", frozenset({".m4a", ".m4b"})),
        "mkv": ("mka", frozenset({".mka", ".weba"})),
        "wmv": ("wma", frozenset({".wma"})),
        "ogv": ("ogg", frozenset({".oga", ".opus", ".spx"})),
    }
)
"""Containers of films: what they are called when only sound is in them, and the names that say so.

What is called .ogg was for years a film as often as a song.
"""

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\0\0\1\0", "ico"),
    (b"riff\x2e\x91\xcf\x11", "w64"),
    (b"fLaC", "flac"),
    (b"OggS", "ogv"),
    (b"caff\0", "caf"),
    (b".snd\0", "au"),
    (b"wvpk", "wv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wmv"),
    (b"\x1aE\xdf\xa3", "mkv"),
    (b"FLV\1", "flv"),
    (b"\0\0\1\xba", "mpg"),
    (b"ID3", "mp3"),
)

CONTAINERS: tuple[tuple[bytes, bytes, str], ...] = (
    (b"RIFF", b"WEBP", "webp"),
    (b"RIFF", b"WAVE", "wav"),
    (b"RF64", b"WAVE", "wav"),
    (b"BW64", b"WAVE", "wav"),
    (b"RIFF", b"AVI ", "avi"),
    (b"FORM", b"AIFF", "aiff"),
    (b"FORM", b"AIFC", "aiff"),
)
"""First four bytes, bytes 8 to 12, format."""

REFUSED: tuple[tuple[bytes, str, Reason], ...] = (
    (b"#extm3u", "a playlist", Reason.CONTAINER),
    (b"ffconcat", "a list of files", Reason.CONTAINER),
    (b"[playlist]", "a playlist", Reason.CONTAINER),
    (b"[internetshortcut]", "a link to an address", Reason.CONTAINER),
    (b"<mpd", "a streaming manifest", Reason.CONTAINER),
    (b"v=0\n", "a session description", Reason.CONTAINER),
    (b"v=0\r", "a session description", Reason.CONTAINER),
    (b"http://", "an address", Reason.CONTAINER),
    (b"https://", "an address", Reason.CONTAINER),
    (b"<svg", "SVG", Reason.UNSUPPORTED),
    (b"%pdf-", "PDF", Reason.UNSUPPORTED),
    (b"%!ps", "PostScript", Reason.UNSUPPORTED),
    (b"8bps", "Photoshop", Reason.UNSUPPORTED),
    (b"\xff\x0a", "JPEG XL", Reason.UNSUPPORTED),
    (b"\0\0\0\x0cjxl ", "JPEG XL", Reason.UNSUPPORTED),
    (b"\0\0\0\x0cjp  ", "JPEG 2000", Reason.UNSUPPORTED),
)
"""Beginnings, in lower case, of what must never reach a decoder."""

HEAD_BYTES = 4096
"""How much of a file the sniffing looks at."""

CONTROL_SHARE = 0.05
"""A text with more control bytes than this is binary; random bytes have about 0.1."""

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))


# QuickTime before there was ftyp: the first box of a film.
_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})

_TRANSPORT = ((0, 188), (4, 192))
"""Where a transport stream, plain or with the time codes of cameras, has its sync bytes."""

_SYNCS = 5

_ADTS = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")

# Eleven ones, a version that exists and layer II or III (nobody has layer I, and it would take
# UTF-16's mark for sound); then neither bit rate 15 nor sample rate 3.
_MPEG_AUDIO = re.compile(
    rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd]"
    b"[" + re.escape(bytes(byte for byte in range(0xF0) if byte & 0xC != 0xC)) + b"]"  # noqa: PLR2004
)


def modality_of_suffix(path: PurePath | str) -> Modality | None:
    """Tell what a scan takes a name for: its modality, or None for names we do not read.

    Example:
        >>> modality_of_suffix("IMG_1.JPG"), modality_of_suffix("song.m3u8")
        (<Modality.IMAGE: 'image'>, None)
    """
    return MODALITY_OF_SUFFIX.get(PurePath(path).suffix.lower())


def is_unsupported_media(path: PurePath | str) -> bool:
    """Tell whether a name is that of known media which we do not read (yet)."""
    return PurePath(path).suffix.lower() in UNSUPPORTED_SUFFIXES


def identify(head: bytes, suffix: str) -> tuple[Modality, str]:
    """Decide modality and format by content; the suffix decides only where content cannot.

    Args:
        head: the first HEAD_BYTES of the file.
        suffix: in lower case, with its dot.

    Raises:
        MediaError: unsupported, container-not-allowed, binary or undecodable.
    """
    if suffix in UNSUPPORTED_SUFFIXES:
        raise MediaError(Reason.UNSUPPORTED, UNSUPPORTED_SUFFIXES[suffix])
    if MODALITY_OF_SUFFIX.get(suffix) is Modality.TEXT:
        check_text(head)
        return Modality.TEXT, TEXT_FORMATS.get(suffix, "txt")
    found = sniff(head)
    if found is None:
        raise _refusal(head, suffix)
    if found in SHARED and _says_audio(head, found, suffix):
        found = SHARED[found][0]
    return _modality(found), found


def is_open_question(head: bytes, suffix: str) -> bool:
    """Tell whether only the tracks inside can say if a container holds a film or a recording."""
    found = sniff(head) or ""
    return (
        found in SHARED
        and MODALITY_OF_SUFFIX.get(suffix) is not Modality.VIDEO
        and not _says_audio(head, found, suffix)
    )


def sniff(head: bytes) -> str | None:
    """Name the format that a file begins with, or None; a shared container by its film's name."""
    for magic, found in MAGIC:
        if head.startswith(magic):
            return found
    for first, second, found in CONTAINERS:
        if head[:4] == first and head[8:12] == second:
            return found
    if head[:2] == b"BM" and head[15:18] == b"\0\0\0":  # "BM" alone begins many a word
        return "bmp"
    return _box(head) or _frame_sync(head)


def check_text(head: bytes) -> None:
    """Refuse a text that is none.

    Raises:
        MediaError: binary, when NULs or other control bytes are more than CONTROL_SHARE of it.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > CONTROL_SHARE * len(head):
        raise MediaError(Reason.BINARY, "not text, whatever its name says")


def _box(head: bytes) -> str | None:
    """Find a file made of ISO boxes, or of the packets of a transport stream."""
    if head[4:8] == b"ftyp":
        return _iso_format(head)
    if head[4:8] in _QUICKTIME:
        return "mp4"
    synced = any(head[first::step][:_SYNCS] == b"G" * _SYNCS for first, step in _TRANSPORT)
    return "ts" if synced else None


def _iso_format(head: bytes) -> str:
    """Tell AVIF, HEIC and MP4 apart by their brands."""
    size = int.from_bytes(head[:4], "big")
    brands = {head[at : at + 4] for at in (8, *range(16, min(size, len(head)), 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    if brands & {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1"}:
        return "heic"
    return "mp4"


def _says_audio(head: bytes, found: str, suffix: str) -> bool:
    """Tell whether the name or the beginning of a container says that only sound is in it."""
    if suffix in SHARED[found][1]:
        return True
    if MODALITY_OF_SUFFIX.get(suffix) is Modality.VIDEO:
        return False
    if found == "ogv":
        return b"\x80theora" not in head
    return found == "mp4" and head[8:11] in {b"M4A", b"M4B"}


def _modality(found: str) -> Modality:
    """Tell what is in a format."""
    if found in VIDEO_FORMATS:
        return Modality.VIDEO
    return Modality.IMAGE if found in IMAGE_FORMATS else Modality.AUDIO


def _frame_sync(head: bytes) -> str | None:
    """Find ADTS or MPEG audio without a tag, by the bits of its first frame header."""
    if _ADTS.match(head):
        return "aac"
    return "mp3" if _MPEG_AUDIO.match(head) else None


def _refusal(head: bytes, suffix: str) -> MediaError:
    """Say why a file whose beginning means nothing to us is not read."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, name, reason in REFUSED:
        if start.startswith(beginning):
            return MediaError(reason, name)
    for mark, name, reason in (
        (b"<svg", "SVG", Reason.UNSUPPORTED),
        (b"<mpd", "MPD", Reason.CONTAINER),
    ):
        if start.startswith(b"<?xml") and mark in start:
            return MediaError(reason, name)
    reason = Reason.UNDECODABLE if suffix in MODALITY_OF_SUFFIX else Reason.UNSUPPORTED
    return MediaError(reason, "its content is of no kind that is known")
