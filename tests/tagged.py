"""Media that say something of themselves: tagged pictures, recordings, films, sidecars."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

SHOT = {271: "Canon", 272: "Canon EOS 5D", 306: "2020:01:01 00:00:00", 18246: 3}

TAGS = {
    "title": "Morning é",
    "artist": "The Larks",
    "album": "Fields",
    "genre": "Folk; Field recording",
    "comment": "by the river",
    "date": "2004-05-06",
}

_ASS = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, "
    b"PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    b"StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, "
    b"MarginL, MarginR, MarginV, Encoding\nStyle: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,"
    b"0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n[Events]\nFormat: Layer, Start, End, Style, "
    b"Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


def exif(
    tags: Mapping[int, Any] | None = None,
    inner: Mapping[int, Any] | None = None,
    gps: Mapping[int, Any] | None = None,
) -> Image.Exif:
    """EXIF with these tags in its first, its inner and its GPS directory."""
    made = Image.Exif()
    for tag, value in (tags or {}).items():
        made[tag] = value
    for pointer, values in ((0x8769, inner), (0x8825, gps)):
        for tag, value in (values or {}).items():
            made.get_ifd(pointer)[tag] = value
    return made


def xmp(properties: str, attributes: str = "") -> bytes:
    """A packet as programs write it."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/"'
        ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        f" {attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def title(words: str) -> str:
    """dc:title, also in another language that comes first."""
    other = '<rdf:li xml:lang="la">alius</rdf:li>'
    default = f'<rdf:li xml:lang="x-default">{words}</rdf:li>'
    return f"<dc:title><rdf:Alt>{other}{default}</rdf:Alt></dc:title>"


def bag(name: str, *items: str) -> str:
    """A property with several values."""
    lines = "".join(f"<rdf:li>{one}</rdf:li>" for one in items)
    return f"<{name}><rdf:Bag>{lines}</rdf:Bag></{name}>"


def iptc(*datasets: tuple[int, bytes]) -> bytes:
    """Datasets of record 2."""
    return b"".join(
        bytes((0x1C, 2, number)) + len(data).to_bytes(2, "big") + data for number, data in datasets
    )


def with_iptc(path: Path, records: bytes) -> Path:
    """Put IPTC records among the Photoshop resources of a JPEG."""
    block = b"8BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records
    block += b"\0" * (len(records) % 2)
    segment = b"Photoshop 3.0\0" + block
    data = path.read_bytes()
    marker = b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big")
    path.write_bytes(data[:2] + marker + segment + data[2:])
    return path


def recording(path: Path, kind: str, codec: str, tags: Mapping[str, str]) -> Path:
    """A second of silence with tags."""
    layout = "stereo" if codec == "vorbis" else "mono"
    with av.open(path, "w", format=kind) as out:
        out.metadata.update(tags)
        stream: Any = out.add_stream(codec, rate=48_000, layout=layout, options={"strict": "-2"})
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), "s16", "mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(stream.codec_context.format, layout, 48_000)
        for ready in resampler.resample(frame):
            out.mux(stream.encode(ready))
        out.mux(stream.encode(None))
    return path


def film(
    path: Path,
    kind: str,
    *,
    tags: Mapping[str, str] | None = None,
    subtitles: str = "",
    cues: Sequence[tuple[int, int, str]] = (),
    options: Mapping[str, str] | None = None,
) -> Path:
    """A film of 30 s in one colour, with tags and cues (start and end in ms, words)."""
    with av.open(path, "w", format=kind, options=dict(options or {})) as out:
        out.metadata.update(tags or {})
        stream = out.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track: Any = out.add_stream(subtitles) if subtitles else None  # type: ignore[call-overload]
        if track is not None:
            track.codec_context.subtitle_header = _ASS
            track.codec_context.time_base = track.time_base = Fraction(1, 1000)
        for number in range(30):
            picture = np.full((48, 64, 3), 8 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 1)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for start, end, words in cues:
            out.mux(_cue(track, subtitles, start, end, words))
    return path


def _cue(track: Any, codec: str, start: int, end: int, words: str) -> Any:
    data = words.encode()
    packet: Any = av.Packet(len(data).to_bytes(2, "big") + data if codec == "mov_text" else data)
    packet.stream, packet.time_base = track, Fraction(1, 1000)
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet
