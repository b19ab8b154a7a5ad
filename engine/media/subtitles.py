"""The subtitles inside a film: words with the moments at which they are shown."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine.media.files import open_regular
from engine.media.formats import VIDEO_FORMATS
from engine.media.text import clean_cue, cue_passages
from engine.types import Span

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.stream import Stream

MAX_CHARACTERS = 1_000
"""Of a passage; nothing encodes it."""

MAX_TRACKS = 4
"""Languages that are read."""

MAX_CUES = 50_000
MAX_CUE_BYTES = 1 << 14

_MOV = "mov_text"
_CODECS = frozenset({_MOV, "subrip", "srt", "text", "webvtt", "ass", "ssa"})
_STYLED = frozenset({"ass", "ssa"})
_FIELDS_BEFORE_TEXT = 8
_SHOWN_MS = 2_000


def subtitles(path: Path, file_format: str) -> list[tuple[Span, str]]:
    """Read the text tracks of a film as passages, track by track; none where none can be read.

    Spans are in milliseconds on the film's own clock. Pictures of letters are not read.
    """
    if file_format not in VIDEO_FORMATS:
        return []
    try:
        with open_regular(path) as file:
            from engine.media.samples import open_recording

            with open_recording(file, file_format) as container:
                cues = _cues(container)
    except Exception:  # noqa: BLE001  (readers of foreign bytes raise anything)
        return []
    return [passage for track in cues for passage in cue_passages(track, MAX_CHARACTERS)]


def _cues(container: "InputContainer") -> list[list[tuple[Span, str]]]:
    """Read all text tracks in one pass, up to where the file breaks off."""
    import av
    from av.stream import Discard

    tracks = [one for one in container.streams.subtitles if _codec(one) in _CODECS][:MAX_TRACKS]
    found: dict[int, list[tuple[Span, str]]] = {one.index: [] for one in tracks}
    if not tracks:
        return []
    for other in container.streams:
        if other.index not in found:
            other.discard = Discard.all
    try:
        for packet in islice(container.demux(tracks), MAX_CUES):
            span = _span(packet)
            words = _words(bytes(packet)[:MAX_CUE_BYTES], _codec(packet.stream)) if span else ""
            if span is not None and words:
                found[packet.stream.index].append((span, words))
    except av.FFmpegError:
        pass
    return list(found.values())


def _codec(stream: "Stream") -> str:
    context = cast("object", stream.codec_context)
    return str(getattr(context, "name", ""))


def _span(packet: "Packet[Stream]") -> Span | None:
    """When a packet's words are shown; None for the empty packet at the end."""
    base, stamp, length = packet.time_base, packet.pts, packet.duration
    if stamp is None or not base or not packet.size:
        return None
    start = max(0, round(stamp * base * 1000))
    return Span(start, start + max(1, round((length or 0) * base * 1000) or _SHOWN_MS))


def _words(data: bytes, codec: str) -> str:
    """Take the words out of a packet, without styles."""
    if codec == _MOV:
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    text = data.decode("utf-8", "replace").replace("\0", "")
    if codec in _STYLED:
        text = text.split(",", _FIELDS_BEFORE_TEXT)[-1].replace(r"\N", "\n").replace(r"\h", " ")
    return " ".join(clean for line in text.splitlines() if (clean := clean_cue(line)))
