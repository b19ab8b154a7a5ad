"""Films become shots with an upright frame each, in memory that does not grow with their length."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from engine.errors import MediaError
from engine.media.audio import failure
from engine.media.endings import is_cut
from engine.media.files import open_regular
from engine.media.probe import identify_file
from engine.media.reasons import Reason
from engine.ports import ImageRule
from engine.types import Modality, Span

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer

    from engine.media.frames import Reel
    from engine.media.shots import Seen

Pixels = npt.NDArray[np.uint8]

CANDIDATES = 6
"""How many frames of a grid cell may come to stand for it."""

_AGAIN_MS = 250
_SHORTFALL = 0.98
_SHORTFALL_MS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A shot, or a cell of the grid, and the frame that stands for it.

    Attributes:
        span: from when to when it does, in ms on the film's own clock.
        pixels: uint8 RGB (height, width, 3), upright and with square pixels, as the rule says.
        width: of the film as shown, in pixels.
        height: of the film as shown, in pixels.
        grid_ms: the longest that a cell may be, for a film of this length.
        partial: only on a last frame: the file broke off here, is shorter than it says, or goes
            on beyond a day.
    """

    span: Span
    pixels: Pixels
    width: int
    height: int
    grid_ms: int
    partial: bool = False


def frames(path: Path, rule: ImageRule) -> Iterator[Frame]:
    """Choose frames of a film, at least one for each shot and grid cell, decoding on demand.

    The spans follow each other from 0 to the end without a gap. Neighbours that look the same
    are one, and so are a black stretch and what follows it. A film with sound alone has none.

    Raises:
        MediaError: while iterating: empty (neither pictures nor sound, or no frame), truncated,
            undecodable, unsupported, too-many-pixels, dimensions, or as ``probe`` for bad files.
    """
    from engine.media import frames as reading

    with open_regular(path) as file:
        modality, found = identify_file(file, path)
        if modality is not Modality.VIDEO:
            raise MediaError(Reason.UNDECODABLE, f"{found}, not a film")
        try:
            with reading.open_film(file, found) as container:
                stream = reading.picture_stream(container)
                if stream is not None:
                    reel = reading.Reel(stated_ms=reading.own_ms(container, stream, found))
                    chosen = _chosen(container, stream, found, rule, reel)
                    yield from _finished(chosen, reel, file, found)
        except Exception as error:
            raise failure(error, file, found, "video") from error


def _chosen(
    container: "InputContainer", stream: "VideoStream", found: str, rule: ImageRule, reel: "Reel"
) -> Iterator[Frame]:
    """Decode and choose; the last frame's span still ends where that frame begins."""
    from engine.media import frames as reading
    from engine.media.shots import Budget, shots

    budget = Budget(reading.stated_ms(container, stream))
    grid_ms = budget.grid_ms
    decoded = reading.frames(container, stream, found, grid_ms // 2, reel)
    ratio = stream.sample_aspect_ratio
    seen = _seen(decoded, lambda frame: reading.upright(frame, ratio, rule.at_least), grid_ms)
    for shot in shots(seen, budget):
        yield Frame(Span(shot.start_ms, shot.end_ms), shot.pixels, *reel.size, grid_ms)


def _seen(
    decoded: Iterator[tuple[int, "VideoFrame"]],
    upright: Callable[["VideoFrame"], Pixels],
    grid_ms: int,
) -> Iterator["Seen"]:
    """Look at every frame, and keep the pixels of a few and of those that may begin a shot."""
    from engine.media.frames import small
    from engine.media.shots import MIN_CHANGE, look, observed

    last, due_ms = None, 0
    for at_ms, frame in decoded:
        last = observed(last, at_ms, look(small(frame)))
        notable = last.change >= MIN_CHANGE
        if not (notable or at_ms >= due_ms):
            yield last
            continue
        due_ms = at_ms + (_AGAIN_MS if notable else grid_ms // CANDIDATES)
        yield last._replace(pixels=upright(frame))


def _finished(chosen: Iterator[Frame], reel: "Reel", file: BinaryIO, found: str) -> Iterator[Frame]:
    """Let the last frame last to the end, and mark it, or say why there is none."""
    held: Frame | None = None
    for frame in chosen:
        if held is not None:
            yield held
        held = frame
    reel.partial |= is_cut(file, found) or _falls_short(reel)
    if held is None:
        damaged = reel.damaged or reel.partial
        reason = Reason.TRUNCATED if reel.partial else Reason.UNDECODABLE
        raise MediaError(reason if damaged else Reason.EMPTY, "no frame of it could be decoded")
    span = Span(held.span.start, max(held.span.end, reel.end_ms))
    yield replace(held, span=span, partial=reel.partial)


def _falls_short(reel: "Reel") -> bool:
    """Tell whether clearly less is there than the file says it holds."""
    return reel.end_ms < reel.stated_ms * _SHORTFALL - _SHORTFALL_MS
