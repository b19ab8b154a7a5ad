"""Whether two films are one: frames of both at the same moments, their sound, and their length."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.collect import pictures, sounds
from engine.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

MOMENTS = 8
"""Frames of a film that are compared, spread over its length."""

MIN_MOMENTS = 2
"""So many moments at which there is something to see must be there to say anything."""

MIN_SHARE = 0.7
"""Of these, the share at which both must show the same."""

_LENGTHS, _SLACK_MS = 0.02, 300
_MAX_FRAMES = 400  # decoded from a key frame on to reach a moment


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """What is kept of a film.

    Attributes:
        frames: one for each moment; None where none could be decoded.
        length_ms: as the file states it.
        sound: None for a silent film.
    """

    frames: tuple[pictures.Print | None, ...]
    length_ms: int
    sound: sounds.Print | None
    width: int = 0
    height: int = 0


def print_of(path: Path) -> Print:
    """The print of a film; MediaError when it cannot be read any more."""
    from engine.media import frames as reading
    from engine.media.audio import failure
    from engine.media.files import open_regular
    from engine.media.probe import identify_file

    with open_regular(path) as file:
        _, found = identify_file(file, path)
        try:
            with reading.open_film(file, found) as container:
                stream = reading.picture_stream(container)
                length = 0 if stream is None else reading.stated_ms(container, stream)
                seen = tuple(_moments(container, stream, length)) if length else ()
        except Exception as error:
            raise failure(error, file, found, "video") from error
    first = next((one for one in seen if one is not None), None)
    size = (first.width, first.height) if first else (0, 0)
    return Print(seen, length, _sound(path), *size)


def same_film(one: Print, other: Print) -> bool:
    """Whether both show and sound the same from beginning to end.

    What is black or of one colour is left out: many films begin so.
    """
    longer = max(one.length_ms, other.length_ms)
    if not longer or abs(one.length_ms - other.length_ms) > _LENGTHS * longer + _SLACK_MS:
        return False
    pairs = [(a, b) for a, b in zip(one.frames, other.frames, strict=False) if _shown(a, b)]
    if len(pairs) < MIN_MOMENTS:
        return False
    same = sum(a is not None and b is not None and pictures.same_picture(a, b) for a, b in pairs)
    return same >= MIN_SHARE * len(pairs) and _sound_alike(one.sound, other.sound)


def _shown(one: pictures.Print | None, other: pictures.Print | None) -> bool:
    """Whether either shows something at a moment: black against a picture is a difference."""
    return any(frame is not None and not frame.is_flat for frame in (one, other))


def _sound_alike(one: sounds.Print | None, other: sounds.Print | None) -> bool:
    if one is None or other is None or one.is_silent or other.is_silent:
        return True
    return sounds.same_recording(one, other)


def _sound(path: Path) -> sounds.Print | None:
    try:
        return sounds.print_of(path)
    except MediaError:
        return None


def _moments(container: "InputContainer", stream: Any, length: int) -> Iterator[Any]:  # noqa: ANN401
    """A print for each moment; `stream` is a video stream of PyAV."""
    from engine.media import frames as reading
    from engine.media.samples import read_alone

    read_alone(container, stream)
    for number in range(MOMENTS):
        frame = _frame_at(container, stream, length * (2 * number + 1) / (2 * MOMENTS) / 1000)
        if frame is None:
            yield None
            continue
        reading.check_size(frame.width, frame.height)
        ratio = stream.sample_aspect_ratio
        pixels = reading.upright(frame, ratio, pictures.AT_LEAST)
        yield pictures.Print(pixels, *reading.shown_size(frame, ratio))


def _frame_at(container: "InputContainer", stream: Any, seconds: float) -> Any:  # noqa: ANN401
    """The frame that is shown then, counted from the first; None when it cannot be reached."""
    from av import FFmpegError

    begin = stream.start_time or 0
    wanted = begin + int(seconds / stream.time_base)
    last = None
    try:
        container.seek(wanted, stream=stream)
        for count, frame in enumerate(container.decode(stream)):
            if frame.pts is not None and frame.pts > wanted and last is not None:
                return last
            last = frame
            if count >= _MAX_FRAMES:
                break
    except FFmpegError:
        return last
    return last
