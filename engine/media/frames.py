"""How PyAV is asked for pictures: from a film's packets to upright frames of modest size."""

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, TypeAlias, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.reformatter import Colorspace, Interpolation

from engine.errors import MediaError
from engine.media.pixels import MAX_ASPECT, MAX_PIXELS
from engine.media.reasons import Reason
from engine.media.samples import LEAPING, clock_start, open_recording, picture_tracks, read_alone

Pixels = npt.NDArray[np.uint8]
Packet: TypeAlias = "av.Packet[av.VideoStream]"

_CODECS = (
    "h264,hevc,libdav1d,vp8,vp9,vp6,vp6f,vp6a,mpeg1video,mpeg2video,mpeg4,msmpeg4v1,msmpeg4v2,"
    "msmpeg4,wmv1,wmv2,wmv3,vc1,flv,h263,h263i,h263p,theora,mjpeg,dvvideo,prores,dnxhd,svq1,svq3,"
    "cinepak,qtrle,ffv1,huffyuv,ffvhuff,utvideo,rawvideo,png"
)
CODECS = frozenset(_CODECS.split(","))
"""The only decoders that ever run on what is seen of a film."""

SMALL = (72, 42)
"""Width and height of the frames that are compared."""

MAX_SECONDS = 24 * 3600
"""Longer films are used up to here."""

_CLEAN = int(Interpolation.ACCURATE_RND | Interpolation.BITEXACT)
_THREADS = 4
_BUFFER_BYTES = 1 << 25
_NARROWEST_MS = 28
_MAX_ANAMORPHIC = 4
_HD_LINES = 720
_UNSPECIFIED = 2
_BACK_MS, _LEAP_MS = 1_000, 10_000
_LONGEST_FRAME_MS = 10_000
_USUAL_FRAME_MS = 40


@dataclass(slots=True)
class Reel:
    """What came out of a film so far; filled while its frames are read.

    Attributes:
        stated_ms: how long the track is by its own header, 0 if that is not there to be believed.
        size: width and height as shown, in pixels.
        end_ms: where the last packet ends, on the film's own clock.
        damaged: number of packets that would not decode.
        partial: the file broke off, or goes on beyond MAX_SECONDS.
    """

    stated_ms: int = 0
    size: tuple[int, int] = (0, 0)
    end_ms: int = 0
    damaged: int = 0
    partial: bool = False


@contextlib.contextmanager
def open_film(file: BinaryIO, found: str) -> Iterator[InputContainer]:
    """Open a film of a known format for its pictures, as guarded as ``open_recording``."""
    with open_recording(file, found, _CODECS) as container:
        yield container


def picture_stream(container: InputContainer) -> av.VideoStream | None:
    """Choose the largest video track that is no cover; None when there is only sound.

    Raises:
        MediaError: empty (neither pictures nor sound), unsupported, too-many-pixels, dimensions.
    """
    tracks = picture_tracks(container)
    if not tracks:
        if container.streams.audio:
            return None
        raise MediaError(Reason.EMPTY, "neither pictures nor sound in it")
    stream = max(tracks, key=lambda one: _area(one) if _known(one) else -1)
    if not _known(stream):
        raise MediaError(Reason.UNSUPPORTED, "its video codec")
    check_size(stream.codec_context.width, stream.codec_context.height)
    _set_up(container, stream)
    return stream


def check_size(width: int, height: int) -> None:
    """Refuse what would take too much memory or has no sensible shape; 0x0 is not known yet."""
    if max(width, height) > MAX_ASPECT * max(1, min(width, height)):
        raise MediaError(Reason.DIMENSIONS, f"{width}x{height}")
    if width * height > MAX_PIXELS:
        raise MediaError(Reason.TOO_MANY_PIXELS, f"{width}x{height}")


def frames(
    container: InputContainer, stream: av.VideoStream, found: str, dense_ms: int, reel: Reel
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode the frames to look at, each with its time in ms on the film's own clock, in order.

    Where key frames are no more than ``dense_ms`` apart, they alone are decoded; elsewhere all
    frames but those that no other is made from. Damaged packets are left out.
    """
    gaps: deque[tuple[int, int]] = deque()
    wanted = _thinned(_timed(container, stream, found, reel), dense_ms, gaps)
    last_ms: int | None = None
    for frame in _decoded(wanted, reel):
        at_ms = max(0, _ms(frame))
        if at_ms >= MAX_SECONDS * 1000:
            reel.partial = True
            return
        while gaps and at_ms >= gaps[0][1]:
            gaps.popleft()
        # Frames in a gap are made from some that were left out; of very many not all are needed.
        early = last_ms is not None and at_ms < last_ms + _NARROWEST_MS
        if early or (gaps and at_ms > gaps[0][0]) or frame.is_corrupt:
            continue
        check_size(frame.width, frame.height)
        last_ms = at_ms
        if reel.size == (0, 0):
            reel.size = shown_size(frame, stream.sample_aspect_ratio)
        yield at_ms, frame


def small(frame: av.VideoFrame) -> Pixels:
    """Give luma and chroma of a frame seen from afar: uint8 (3, h, w) as SMALL says."""
    tiny = frame.reformat(
        *SMALL, "yuv444p", interpolation=int(Interpolation.AREA) | _CLEAN, threads=1
    )
    return cast("Pixels", tiny.to_ndarray())


def upright(frame: av.VideoFrame, ratio: Fraction | None, at_least: int) -> Pixels:
    """Give a frame as it is shown: RGB uint8 (height, width, 3), turned as the file says.

    Its shorter side is scaled down to ``at_least``; a smaller frame keeps its size.
    """
    width, height = _square(frame.width, frame.height, ratio)
    share = min(1.0, at_least / min(width, height))
    # Without a word on it, large pictures have BT.709 colours and small ones BT.601's.
    is_hd = frame.colorspace == _UNSPECIFIED and frame.height >= _HD_LINES
    rgb = frame.reformat(
        max(1, round(width * share)),
        max(1, round(height * share)),
        "rgb24",
        src_colorspace=int(Colorspace.ITU709) if is_hd else None,
        interpolation=int(Interpolation.BICUBIC) | _CLEAN,
        threads=1,
    )
    pixels = cast("Pixels", rgb.to_ndarray())
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def shown_size(frame: av.VideoFrame, ratio: Fraction | None) -> tuple[int, int]:
    """Give width and height as shown, in pixels."""
    width, height = _square(frame.width, frame.height, ratio)
    return (height, width) if round(frame.rotation / 90) % 2 else (width, height)


def stated_ms(container: InputContainer, stream: av.VideoStream) -> int:
    """Give the duration that the file states, 0 if it does not."""
    if stream.duration is not None and stream.time_base is not None:
        return max(0, int(stream.duration * stream.time_base * 1000))
    return max(0, (container.duration or 0) * 1000 // av.time_base)


def own_ms(container: InputContainer, stream: av.VideoStream, found: str) -> int:
    """Give the duration that the track itself states, which its frames should reach; else 0."""
    if found in LEAPING or (stream.duration is None and found != "flv"):
        return 0  # a guess, or that of the longest track
    return stated_ms(container, stream)


def _square(width: int, height: int, ratio: Fraction | None) -> tuple[int, int]:
    """Undo what an anamorphic film does to its width."""
    if not ratio or not 1 / _MAX_ANAMORPHIC <= ratio <= _MAX_ANAMORPHIC:
        return width, height
    return max(1, round(width * ratio)), height


def _known(stream: av.VideoStream) -> bool:
    """Tell whether the track has a decoder of ours."""
    return cast("object", stream.codec_context) is not None and stream.codec_context.name in CODECS


def _area(stream: av.VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height


def _set_up(container: InputContainer, stream: av.VideoStream) -> None:
    """Read this track alone, leaving out frames that no other is made from."""
    read_alone(container, stream)
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(_THREADS, os.cpu_count() or 1)
    stream.codec_context.skip_frame = "NONREF"
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}


def _timed(
    container: InputContainer, stream: av.VideoStream, found: str, reel: Reel
) -> Iterator[Packet]:
    """Read the packets, with stamps that begin at the film's start and do not leap."""
    base = stream.time_base or Fraction(1, 1000)
    shift = -round(clock_start(container, found) / base)
    last: int | None = None
    for packet in container.demux(stream):
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is not None:
            gone = 0 if last is None else (stamp - last) * base * 1000
            if gone < -_BACK_MS or (found in LEAPING and gone > _LEAP_MS):
                shift -= stamp - (last or 0)
            last = stamp
            packet.dts = None if packet.dts is None else packet.dts + shift
            packet.pts = None if packet.pts is None else packet.pts + shift
            reel.end_ms = max(reel.end_ms, _ms(packet) + _shown_ms(packet, stream))
        yield packet


def _thinned(
    packets: Iterator[Packet], dense_ms: int, gaps: deque[tuple[int, int]]
) -> Iterator[Packet]:
    """Leave out what lies between key frames that are close; the first group is always whole.

    What was left out is told in ``gaps``. Holds one group, up to _BUFFER_BYTES of it.
    """
    group: list[Packet] = []
    whole, held, keys = True, 0, 0
    for packet in packets:
        is_key = packet.is_keyframe and packet.size > 0
        keys += is_key
        if is_key and keys > 1:
            if not whole:
                gaps.append((_ms(group[0]), _ms(packet)))
                yield group[0]
            group, whole, held = [packet], False, packet.size
        elif whole:
            yield packet
        else:
            group.append(packet)
            held += packet.size
            whole = _ms(packet) - _ms(group[0]) > dense_ms or held > _BUFFER_BYTES
            if whole:
                yield from group
    if not whole:
        yield from group


def _decoded(packets: Iterator[Packet], reel: Reel) -> Iterator[av.VideoFrame]:
    """Decode packet by packet to the end, or to where the file breaks off."""
    try:
        for packet in packets:
            try:
                decoded = packet.decode()
            except av.InvalidDataError:
                reel.damaged += 1
                continue
            yield from decoded
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        reel.partial = True


def _ms(part: "Packet | av.VideoFrame") -> int:
    """Give the time of a packet or frame in ms; 0 if it has none."""
    stamp = part.dts if part.pts is None else part.pts
    return 0 if stamp is None or part.time_base is None else int(stamp * part.time_base * 1000)


def _shown_ms(packet: Packet, stream: av.VideoStream) -> int:
    """Tell how long a packet's frame is shown, as far as that is credible."""
    if packet.duration and packet.time_base:
        return min(_LONGEST_FRAME_MS, int(packet.duration * packet.time_base * 1000))
    rate = stream.average_rate or stream.guessed_rate
    return min(_LONGEST_FRAME_MS, int(1000 / rate)) if rate else _USUAL_FRAME_MS
