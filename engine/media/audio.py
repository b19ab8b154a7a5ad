"""Recordings become windows of mono samples, in memory that does not grow with their length."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import numpy as np
import numpy.typing as npt

from engine.errors import MediaError
from engine.media.endings import is_cut
from engine.media.files import as_media_error, open_regular
from engine.media.probe import identify_file
from engine.media.reasons import Reason
from engine.ports import AudioRule
from engine.types import Modality, Span

if TYPE_CHECKING:
    from engine.media.samples import Track

Samples = npt.NDArray[np.float32]

MAX_SECONDS = 24 * 3600
"""Longer recordings are used up to here."""

MIN_PARTIAL_SECONDS = 0.1
"""A damaged recording of which less can be decoded is not used."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a recording says of itself.

    Attributes:
        format: of the file, for example ``ogg``.
        codec: of the sound, for example ``opus``.
        rate: samples per second.
        channels: at least 1.
        duration_ms: as stated or estimated, which may be a lie; None when unknown.
    """

    format: str
    codec: str
    rate: int
    channels: int
    duration_ms: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of a recording.

    Attributes:
        span: where it lies, in milliseconds, never beyond the end of what was decoded.
        samples: mono float32 (n,) at the rule's rate, finite.
        partial: only on a last window: the file broke off here, is shorter than it says, or goes
            on beyond MAX_SECONDS.
    """

    span: Span
    samples: Samples
    partial: bool = False


class Listener(Protocol):
    """Hears what is decoded besides, so that nothing is decoded twice."""

    @property
    def rate(self) -> int:
        """Samples per second that it wants."""
        ...

    def take(self, samples: Samples, start_ms: int) -> None:
        """Hear more, (n,) mono; the sound of a film begins at `start_ms` on the film's clock."""
        ...


def audio_info(path: Path) -> AudioInfo:
    """Read the parameters of a recording without decoding it.

    Raises:
        MediaError: no-audio, audio-params, truncated, undecodable, or as ``probe`` for bad files.
    """
    from engine.media import samples

    with open_regular(path) as file:
        found = _format(file, path)
        try:
            with samples.open_recording(file, found) as container:
                stream = samples.audio_stream(container)
                seconds = samples.duration_seconds(container)
                return AudioInfo(
                    format=found,
                    codec=stream.codec_context.name,
                    rate=stream.codec_context.sample_rate,
                    channels=stream.codec_context.channels,
                    duration_ms=None if seconds is None else int(seconds * 1000),
                )
        except Exception as error:
            raise failure(error, file, found, "audio") from error


def windows(path: Path, rule: AudioRule, listener: Listener | None = None) -> Iterator[Window]:
    """Cut a recording into windows as ``rule`` says, decoding as they are asked for.

    Windows start every hop; the last one is moved back so that it ends with the recording and is
    full. A recording not longer than a window is one window of its true length. A rest of less
    than a millisecond gets no window of its own. Of a film the sound track is taken, and the
    spans are on the film's clock. A listener has heard all when the last window was given.

    Raises:
        MediaError: while iterating: no-audio, audio-params, empty, truncated (nothing usable
            could be decoded), undecodable, unsupported, or as ``probe`` for bad files.
    """
    from engine.media import samples

    track = samples.Track()
    with open_regular(path) as file:
        found = _format(file, path)
        try:
            with samples.open_recording(file, found) as container:
                samples.audio_stream(container)
                blocks = samples.mono_blocks(container, found, rule.rate, track)
                blocks = _capped(blocks, rule.rate, track)
                if listener is not None:
                    blocks = _overheard(blocks, rule.rate, track, listener)
                held = None
                for span, cut in cut_windows(blocks, rule):
                    if held is not None:
                        yield held
                    held = Window(_later(span, track.start_ms), cut)
                track.partial |= is_cut(file, found)
                yield _last(held, track)
        except Exception as error:
            raise failure(error, file, found, "audio") from error


def cut_windows(blocks: Iterator[Samples], rule: AudioRule) -> Iterator[tuple[Span, Samples]]:
    """Cut a stream of samples into the windows that ``windows`` describes.

    Holds one window and one block at a time. Nothing comes of less than a millisecond.
    """
    size, hop = _in_samples(rule.window_ms, rule), _in_samples(rule.hop_ms, rule)
    buffer, offset, start, covered = np.zeros(0, np.float32), 0, 0, 0
    for block in blocks:
        buffer = np.concatenate((buffer, block))
        end = offset + len(buffer)
        while start + size <= end:
            yield _cut(buffer, offset, start, size, rule)
            start, covered = start + hop, start + size
        kept = max(0, min(len(buffer), len(buffer) - size))  # the last window may begin here
        dropped = min(kept, max(0, start - offset))
        buffer, offset = buffer[dropped:], offset + dropped
    total = offset + len(buffer)
    if (total - covered) * 1000 >= rule.rate:
        first = max(0, total - size)
        yield _cut(buffer, offset, first, total - first, rule)


def _in_samples(milliseconds: int, rule: AudioRule) -> int:
    """Count the samples in a stretch of time, at least one."""
    return max(1, round(milliseconds * rule.rate / 1000))


def _cut(
    buffer: Samples, offset: int, start: int, size: int, rule: AudioRule
) -> tuple[Span, Samples]:
    """Copy a window out of the buffer, which begins at sample ``offset`` of the recording."""
    first = start * 1000 // rule.rate
    last = (start + size) * 1000 // rule.rate
    at = start - offset
    return Span(first, max(first + 1, last)), buffer[at : at + size].copy()


def _later(span: Span, by: int) -> Span:
    """Move a span by so many milliseconds."""
    return Span(span.start + by, span.end + by)


def _capped(blocks: Iterator[Samples], rate: int, track: "Track") -> Iterator[Samples]:
    """End after MAX_SECONDS."""
    left = MAX_SECONDS * rate
    for block in blocks:
        yield block[:left]
        left -= len(block)
        if left <= 0:
            track.partial = True
            return


def _overheard(
    blocks: Iterator[Samples], rate: int, track: "Track", listener: Listener
) -> Iterator[Samples]:
    """Let a listener hear all blocks, at the rate that it wants."""
    from engine.media.samples import Resampler

    resampler = None if rate == listener.rate else Resampler(rate, listener.rate)
    for block in blocks:
        listener.take(resampler.push(block) if resampler else block, track.start_ms)
        yield block
    if resampler is not None:
        listener.take(resampler.flush(), track.start_ms)


def _last(window: Window | None, track: "Track") -> Window:
    """Mark the last window, or say why there is none worth having."""
    if track.seconds < MIN_PARTIAL_SECONDS and (track.partial or track.damaged):
        nothing = not track.seconds and track.damaged > 1
        reason = Reason.UNDECODABLE if nothing else Reason.TRUNCATED
        raise MediaError(reason, f"only {track.seconds:.3f} s could be decoded")
    if window is None:
        raise MediaError(Reason.EMPTY, "no sound in it")
    return Window(window.span, window.samples, partial=track.partial)


def _format(file: BinaryIO, path: Path) -> str:
    """Name the format of an open recording, or of a film."""
    modality, found = identify_file(file, path)
    if modality not in {Modality.AUDIO, Modality.VIDEO}:
        raise MediaError(Reason.UNDECODABLE, f"{found}, not a recording")
    return found


def failure(error: Exception, file: BinaryIO, found: str, kind: str) -> MediaError:
    """Say what a decoder's exception means: io, memory, truncated, unsupported or undecodable."""
    import av

    if isinstance(error, MediaError):
        # What would tell the codec may lie in the end that is missing.
        is_guess = error.reason == Reason.UNSUPPORTED and is_cut(file, found)
        return MediaError(Reason.TRUNCATED, "its end is missing") if is_guess else error
    if isinstance(error, MemoryError):
        return MediaError(Reason.MEMORY, "it is too large to decode here")
    # A damaged file makes its reader seek to places that cannot be: no fault of the disk.
    of_disk = isinstance(error, OSError) and error.errno != errno.EINVAL
    if of_disk and not isinstance(error, av.FFmpegError):
        return as_media_error(cast("OSError", error))
    cut = isinstance(error, av.EOFError) or is_cut(file, found)
    if isinstance(error, av.DecoderNotFoundError) and not cut:
        return MediaError(Reason.UNSUPPORTED, f"its {kind} codec")
    reason = Reason.TRUNCATED if cut else Reason.UNDECODABLE
    return MediaError(reason, getattr(error, "strerror", None) or type(error).__name__)
