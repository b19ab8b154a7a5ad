"""A file becomes pieces: the payloads an encoder takes, each with its span and its words."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import MediaError
from engine.media.audio import Listener, Window, windows
from engine.media.formats import SIDECAR, VIDEO_FORMATS
from engine.media.image import decode_image
from engine.media.reasons import Reason
from engine.media.text import passages, read_text
from engine.media.video import Frame, frames
from engine.media.xmp import sidecar_facts, words_of
from engine.ports import AudioRule, ImageRule, Payload, Rule, TextRule
from engine.types import Span


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One future segment.

    Attributes:
        payload: what the encoder takes.
        span: the part of the file; None for the whole.
        words: of a passage; empty for other media.
        facts: what is worth showing of the whole file, such as width or partial.
    """

    payload: Payload
    span: Span | None
    words: str
    facts: tuple[tuple[str, int | bool], ...] = ()


def pieces(
    path: Path, file_format: str, rule: Rule, listener: Listener | None = None
) -> Iterator[Piece]:
    """Decode a file as a rule says; MediaError, perhaps after some pieces, when it is damaged.

    A film gives frames or windows of its sound track, and nothing where it has no such track; a
    sidecar gives the words that it has for its medium, if any. A listener hears what is heard.
    """
    match rule:
        case ImageRule() if file_format in VIDEO_FORMATS:
            for frame in frames(path, rule):
                yield Piece(frame.pixels, frame.span, "", _facts(frame))
        case ImageRule():
            image = decode_image(path, rule)
            facts = (("width", image.width), ("height", image.height))
            yield Piece(image.pixels, None, "", facts)
        case AudioRule():
            for window in _sound(path, file_format, rule, listener):
                facts_of_window = (("duration_ms", window.span.end),)
                partial = (("partial", True),) if window.partial else ()
                yield Piece(window.samples, window.span, "", (*facts_of_window, *partial))
        case TextRule() if file_format == SIDECAR:
            if words := words_of(sidecar_facts(path))[: rule.max_characters].rstrip():
                yield Piece(words, None, words)
        case TextRule():
            for span, words in passages(read_text(path), rule, file_format):
                yield Piece(words, span, words)


def _sound(
    path: Path, file_format: str, rule: AudioRule, listener: Listener | None
) -> Iterator[Window]:
    """Cut a recording, or the sound of a film that has some, into windows."""
    try:
        yield from windows(path, rule, listener)
    except MediaError as error:
        if error.reason != Reason.NO_AUDIO or file_format not in VIDEO_FORMATS:
            raise


def _facts(frame: Frame) -> tuple[tuple[str, int | bool], ...]:
    """Tell of a film what is known after a frame of it."""
    partial = (("partial", True),) if frame.partial else ()
    return (
        ("width", frame.width),
        ("height", frame.height),
        ("duration_ms", frame.span.end),
        ("grid_ms", frame.grid_ms),
        *partial,
    )
