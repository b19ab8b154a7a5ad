"""A file becomes pieces: the payloads an encoder takes, each with its span and its words."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.media.audio import windows
from engine.media.image import decode_image
from engine.media.text import passages, read_text
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


def pieces(path: Path, file_format: str, rule: Rule) -> Iterator[Piece]:
    """Decode a file as a rule says; MediaError, perhaps after some pieces, when it is damaged."""
    match rule:
        case ImageRule():
            image = decode_image(path, rule)
            facts = (("width", image.width), ("height", image.height))
            yield Piece(image.pixels, None, "", facts)
        case AudioRule():
            for window in windows(path, rule):
                facts_of_window = (("duration_ms", window.span.end),)
                partial = (("partial", True),) if window.partial else ()
                yield Piece(window.samples, window.span, "", (*facts_of_window, *partial))
        case TextRule():
            for span, words in passages(read_text(path), rule, file_format):
                yield Piece(words, span, words)
