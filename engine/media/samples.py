"""How PyAV is asked, and how any recording becomes blocks of mono samples at one rate."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.filter import Graph
from av.stream import Discard, Disposition

from engine.errors import MediaError
from engine.media.formats import VIDEO_FORMATS
from engine.media.id3 import end_of_tags, is_overfull
from engine.media.reasons import Reason

Samples = npt.NDArray[np.float32]

DEMUXERS = {
    "m4a": "mov",
    "mp4": "mov",
    "wma": "asf",
    "wmv": "asf",
    "mka": "matroska",
    "mkv": "matroska",
    "ogv": "ogg",
    "ts": "mpegts",
    "mpg": "mpeg",
}
"""The reader of each format, where its name differs; no other reader is ever tried."""

LEAPING = frozenset({"ts", "mpg"})
"""Formats of broadcasts: their clock begins anywhere, and may leap where parts were joined."""

MIN_RATE, MAX_RATE = 1_000, 1_000_000
"""Slower than any recording; faster than recorders for bats."""

MAX_CHANNELS = 64

LOUDEST = 2.0**31
"""Floats may be scaled as integers of any width; what is larger than those is no sound."""

_CODECS = (
    "mp3float,mp3,mp2float,mp2,aac,alac,flac,vorbis,opus,speex,wavpack,wmav1,wmav2,"
    "wmapro,wmalossless,ac3,eac3,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,gsm_ms,pcm_alaw,pcm_mulaw,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,"
    "pcm_f32be,pcm_f64le,pcm_f64be,pcm_s64le,pcm_s64be"
)
CODECS = frozenset(_CODECS.split(","))
"""The only decoders that ever run; those of cover art and video tracks do not."""

# swresample's own default (32 taps) lets -36 dB of alias through; 64 taps leave -90 dB.
RESAMPLER = "filter_size=64:phase_shift=10:cutoff=0.97"

_NO_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails

_UNDECLARED = frozenset({"aac", *LEAPING})
"""Formats whose duration is only ever guessed from the size of the file."""

_SHORTFALL = 0.98
_SHORTFALL_SECONDS = 0.2


@dataclass(slots=True)
class Track:
    """What came out of a recording so far; filled while its blocks are read.

    Attributes:
        seconds: decoded so far.
        damaged: number of packets that would not decode.
        partial: the file broke off, or is shorter than it says.
        start_ms: when the sound of a film begins, on the film's clock; a recording begins at 0.
    """

    seconds: float = 0.0
    damaged: int = 0
    partial: bool = False
    start_ms: int = 0


@contextlib.contextmanager
def open_recording(file: BinaryIO, found: str, codecs: str = _CODECS) -> Iterator[InputContainer]:
    """Open a recording of a known format, from bytes alone: no name, no protocol, no other file.

    Only ``codecs``, a list with commas, may decode anything, even to find out parameters. ID3
    tags with absurdly many frames are left out.
    """
    demuxer = DEMUXERS.get(found, found)
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": demuxer,
        "codec_whitelist": codecs,
    }
    with av.open(
        _Behind(file, end_of_tags(file)) if is_overfull(file) else _rewound(file),
        mode="r",
        format=demuxer,
        container_options=options,
        metadata_errors="replace",
        buffer_size=1 << 18,
    ) as container:
        yield container


def _rewound(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file


class _Behind:
    """A file without its beginning."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self.seek(0)

    def read(self, count: int) -> bytes:
        return self._file.read(count)

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(to + (0 if whence else self._start), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


def audio_stream(container: InputContainer) -> av.AudioStream:
    """Choose the first audio stream, and check what it says of itself.

    Raises:
        MediaError: no-audio, audio-params, unsupported (no decoder).
    """
    if not container.streams.audio:
        raise MediaError(Reason.NO_AUDIO)
    stream = container.streams.audio[0]
    if stream.codec_context.name not in CODECS:
        raise MediaError(Reason.UNSUPPORTED, "its audio codec")
    check_parameters(stream.codec_context.sample_rate, stream.codec_context.channels)
    stream.codec_context.thread_count = 1  # files are decoded side by side instead
    return stream


def has_sound_alone(file: BinaryIO, found: str) -> bool:
    """Tell whether a container has sound and, covers aside, no pictures; False if unreadable."""
    try:
        with open_recording(file, found) as container:
            return bool(container.streams.audio) and not picture_tracks(container)
    except (av.FFmpegError, ValueError):
        return False


def picture_tracks(container: InputContainer) -> list[av.VideoStream]:
    """List the tracks of moving pictures; covers and thumbnails are none."""
    return [one for one in container.streams.video if not one.disposition & _NO_PICTURE]


def read_alone(container: InputContainer, stream: av.AudioStream | av.VideoStream) -> None:
    """Let the reader leave out, and where the format can, jump over all other tracks."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


def check_parameters(rate: int, channels: int) -> None:
    """Refuse sample rates and channel counts that no recording has."""
    if not MIN_RATE <= rate <= MAX_RATE or not 1 <= channels <= MAX_CHANNELS:
        raise MediaError(Reason.AUDIO_PARAMS, f"{rate} Hz, {channels} channels")


def mono_blocks(
    container: InputContainer, found: str, rate: int, track: Track
) -> Iterator[Samples]:
    """Decode to mono float32 at ``rate``, the mean of the channels, about a second per block.

    Damaged packets are left out. What is no number, or larger than LOUDEST, becomes 0. The blocks
    together have exactly floor(samples in * rate / rate in) samples.

    Raises:
        MediaError: audio-params, when the parameters become absurd on the way.
    """
    resampler: Resampler | None = None
    for block, source_rate in _blocks(_frames(container, found, track)):
        track.seconds += len(block) / source_rate
        if resampler is not None and resampler.source_rate != source_rate:
            yield resampler.flush()
            resampler = None
        if source_rate == rate:
            yield block
            continue
        resampler = resampler or Resampler(source_rate, rate)
        yield resampler.push(block)
    if resampler is not None:
        yield resampler.flush()
    track.partial |= _falls_short(container, found, track.seconds)


def clock_start(container: InputContainer, found: str) -> Fraction:
    """Give the stamp, in seconds, from which a film's own clock counts: 0 but for broadcasts."""
    start = container.start_time if found in LEAPING else 0
    return Fraction(max(0, start or 0), av.time_base)


def duration_seconds(container: InputContainer) -> float | None:
    """Give the duration that the file states or its size suggests, if any."""
    return None if container.duration is None else container.duration / av.time_base


def _falls_short(container: InputContainer, found: str, seconds: float) -> bool:
    """Tell whether clearly less was decoded than the file says it holds."""
    if found in _UNDECLARED:
        return False
    if found in VIDEO_FORMATS:  # the pictures may go on for longer
        stream = container.streams.audio[0]
        length, base = stream.duration, stream.time_base
        stated = None if length is None or base is None else float(length * base)
    else:
        stated = duration_seconds(container)
    return stated is not None and seconds < stated * _SHORTFALL - _SHORTFALL_SECONDS


def _frames(container: InputContainer, found: str, track: Track) -> Iterator[av.AudioFrame]:
    """Decode frame by frame to the end, or to where the file breaks off."""
    is_first = found in VIDEO_FORMATS
    stream = audio_stream(container)
    read_alone(container, stream)
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                track.damaged += 1
                continue
            if is_first and frames:
                is_first, track.start_ms = (
                    False,
                    _start_ms(frames[0], clock_start(container, found)),
                )
            yield from frames
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        track.partial = True


def _start_ms(frame: av.AudioFrame, clock: Fraction) -> int:
    """Tell when the first frame of a film's sound is heard."""
    if frame.pts is None or frame.time_base is None:
        return 0
    return max(0, round((frame.pts * frame.time_base - clock) * 1000))


def _blocks(frames: Iterator[av.AudioFrame]) -> Iterator[tuple[Samples, int]]:
    """Gather frames of equal shape into mono blocks of about a second, with their rate."""
    gathered: list[npt.NDArray[Any]] = []
    kind: tuple[str, int, int] | None = None
    count = 0
    for frame in frames:
        now = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        if kind is not None and (now != kind or count >= kind[2]):
            yield _mono(gathered, kind), kind[2]
            gathered, count = [], 0
        check_parameters(now[2], now[1])
        kind = now
        gathered.append(frame.to_ndarray())
        count += frame.samples
    if kind is not None and gathered:
        yield _mono(gathered, kind), kind[2]


def _mono(arrays: list[npt.NDArray[Any]], kind: tuple[str, int, int]) -> Samples:
    """Average the channels of frames, planar or interleaved, integer or float."""
    name, channels, _ = kind
    joined = np.concatenate(arrays, axis=1)
    planes = joined if name.endswith("p") else joined.reshape(-1, channels).T
    mono = np.zeros(planes.shape[1], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for plane in planes:  # much faster than mean(axis=0) where channels are interleaved
            mono += _as_float(plane)
        mono /= np.float32(channels)
        mono[~(np.abs(mono) <= LOUDEST)] = 0
    return mono


def _as_float(values: npt.NDArray[Any]) -> Samples:
    """Map integer samples to -1..1; floats stay."""
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    full = np.float32(2.0 ** (8 * values.dtype.itemsize - 1))
    middle = full if values.dtype.kind == "u" else np.float32(0)
    return (values.astype(np.float32) - middle) / full


class Resampler:
    """A filter with a memory: samples at one rate in, samples at another out, until flushed."""

    def __init__(self, source_rate: int, rate: int) -> None:
        self.source_rate = source_rate
        self._rate = rate
        self._taken = self._given = 0
        self._graph = Graph()
        self._source = self._graph.add(
            "abuffer",
            f"sample_rate={source_rate}:sample_fmt=flt:channel_layout=mono:time_base=1/{source_rate}",
        )
        resample = self._graph.add("aresample", f"{rate}:{RESAMPLER}")
        self._sink = self._graph.add("abuffersink")
        self._source.link_to(resample)
        resample.link_to(self._sink)
        self._graph.configure()

    def push(self, block: Samples) -> Samples:
        """Take a block, give what is ready."""
        frame = av.AudioFrame.from_ndarray(block[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = self.source_rate
        frame.pts = self._taken
        self._taken += len(block)
        self._source.push(frame)
        return self._pull()

    def flush(self) -> Samples:
        """Give the rest, trimmed to the exact number of samples."""
        self._source.push(None)
        return self._pull()

    def _pull(self) -> Samples:
        """Collect what the filter has ready, never more than was put in lasts."""
        ready = [np.zeros(0, np.float32)]
        with contextlib.suppress(av.BlockingIOError, av.EOFError):
            while True:
                ready.append(cast("av.AudioFrame", self._sink.pull()).to_ndarray()[0])
        due = self._taken * self._rate // self.source_rate - self._given
        given = np.concatenate(ready)[:due]
        self._given += len(given)
        return given
