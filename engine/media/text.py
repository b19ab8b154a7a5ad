"""Texts and subtitles become passages that know where they stand."""

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.errors import MediaError
from engine.media.files import open_regular
from engine.media.formats import check_text
from engine.media.reasons import Reason
from engine.ports import TextRule
from engine.types import Span, SpanUnit

MAX_TEXT_BYTES = 1 << 20
"""How much of a text is read."""

MAX_SILENCE_MS = 10_000
"""Subtitles with a longer pause between them do not share a passage."""

MAX_PASSAGE_MS = 20_000
"""A passage of several subtitles lasts no longer, so that it names a moment."""

ENOUGH_MS = 10_000
"""A passage that has lasted as long goes on only to the end of its sentence."""

MAX_HEADING_CHARACTERS = 1 << 16
"""How far into a Markdown text its first heading is looked for."""

BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""Longer marks first: UTF-32's begins like UTF-16's."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*|\Z")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？]\s*|\Z")  # noqa: RUF001
_FINISHED = re.compile(r"[.!?…。！？][\"'”’»)\]♪]*$")  # noqa: RUF001
_WORD_END = re.compile(r"\s+|\Z")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_LAST_MARKS = re.compile(r"(?:(?<=[ \t])|^)#+$")
_UNDERLINE = re.compile(r" {0,3}=+\s*")
_FENCED = re.compile(r"\A---\n.*?\n---\n|^(```|~~~).*?^\1[^\n]*$", re.DOTALL | re.MULTILINE)
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^{}]{0,200}\}")


def read_text(path: Path) -> str:
    """Read the first MAX_TEXT_BYTES of a text, with plain newlines and without NULs.

    Byte order marks are followed; else it is UTF-8, or Windows-1252 if it cannot be UTF-8. What
    is no character becomes U+FFFD.

    Raises:
        MediaError: empty, binary, blank, or as ``probe`` for bad files.
    """
    with open_regular(path) as file:
        data = file.read(MAX_TEXT_BYTES)
    if not data:
        raise MediaError(Reason.EMPTY)
    check_text(data)
    text = _decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\0", _REPLACEMENT)
    if not text.strip():
        raise MediaError(Reason.BLANK)
    return text


def passages(text: str, rule: TextRule, format: str) -> list[tuple[Span, str]]:  # noqa: A002
    """Cut a text into passages of at most ``rule.max_characters``, in order.

    Args:
        text: as ``read_text`` gives it.
        rule: how long a passage may be.
        format: ``srt`` and ``vtt`` are read as subtitles, everything else as prose.

    Returns:
        Prose: paragraphs, or sentences where a paragraph is too long, packed together; words stay
        whole unless a single one is too long. The span counts characters, and
        ``text[span.start:span.end]`` is the passage. Subtitles: without tags, packed together
        as ``cue_passages`` says; the span counts milliseconds.
    """
    if format in {"srt", "vtt"}:
        return cue_passages(_cues(text), rule.max_characters)
    packed = _packed(list(_pieces(text, rule.max_characters)), rule.max_characters)
    return [(Span(a, b, SpanUnit.CHARACTERS), text[a:b]) for a, b in packed]


def heading(text: str) -> str:
    """Find the first heading of a Markdown text outside of code; empty if it has none."""
    lines = _FENCED.sub("\n", text[:MAX_HEADING_CHARACTERS]).split("\n")
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if found := _HEADING.match(line):
            return _LAST_MARKS.sub("", line[found.end() :].strip()).rstrip()
        if line.strip() and _UNDERLINE.fullmatch(below):
            return line.strip()
    return ""


def _decode(data: bytes) -> str:
    """Turn bytes into characters; a character cut in two by the size limit is left out."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace").rstrip(_REPLACEMENT)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if len(data) == MAX_TEXT_BYTES and error.start > len(data) - 4:
            return data[: error.start].decode()
    return _decode_damaged(data)


def _decode_damaged(data: bytes) -> str:
    """Choose between UTF-8 with a few bad bytes and Windows-1252, by which bytes are more."""
    text = data.decode("utf-8", "replace")
    bad = text.count(_REPLACEMENT)
    good = sum(character > "\x7f" for character in text) - bad
    return text if good > bad else data.decode("cp1252", "replace")


def _pieces(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Cut into the largest natural pieces that fit: paragraphs, sentences, words, characters."""
    yield from _split(text, 0, len(text), (_PARAGRAPH_END, _SENTENCE_END, _WORD_END), limit)


def _split(
    text: str, start: int, end: int, borders: tuple[re.Pattern[str], ...], limit: int
) -> Iterator[tuple[int, int]]:
    """Cut at the first kind of border; cut pieces that are still too long at the next kind."""
    if not borders:
        yield from ((at, min(at + limit, end)) for at in range(start, end, limit))
        return
    first, *rest = borders
    for border in first.finditer(text, start, end):
        piece = _trimmed(text, start, border.end())
        if piece[1] - piece[0] > limit:
            yield from _split(text, *piece, tuple(rest), limit)
        elif piece[0] < piece[1]:
            yield piece
        start = border.end()


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out white space at both ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _packed(pieces: list[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Join neighbouring pieces while they fit."""
    packed: list[tuple[int, int]] = []
    for start, end in pieces:
        if packed and end - packed[-1][0] <= limit:
            packed[-1] = (packed[-1][0], end)
        else:
            packed.append((start, end))
    return packed


def cue_passages(cues: Iterable[tuple[Span, str]], limit: int) -> list[tuple[Span, str]]:
    """Join cues that follow each other, in time, into passages of 10 to 20 seconds.

    Args:
        cues: spans in milliseconds with clean words, in any order.
        limit: characters of a passage, at most; the parts of a longer cue share its span.

    Returns:
        passages in order; a cue that lasts longer than 20 seconds, or stands alone, is one.
    """
    packed: list[tuple[Span, str]] = []
    for cue in sorted(_short_cues(cues, limit), key=lambda cue: cue[0].start):
        if packed and _goes_on(packed[-1], cue, limit):
            (before, said), (span, words) = packed[-1], cue
            packed[-1] = (Span(before.start, max(before.end, span.end)), f"{said} {words}")
        else:
            packed.append(cue)
    return packed


def _goes_on(passage: tuple[Span, str], cue: tuple[Span, str], limit: int) -> bool:
    """Tell whether a cue belongs to the passage before it."""
    (before, said), (span, words) = passage, cue
    lasted, lasts = before.end - before.start, max(before.end, span.end) - before.start
    is_finished = lasted >= ENOUGH_MS and bool(_FINISHED.search(said[-4:]))
    return (
        not is_finished
        and lasts <= MAX_PASSAGE_MS
        and span.start - before.end <= MAX_SILENCE_MS
        and len(said) + 1 + len(words) <= limit
    )


def clean_cue(line: str) -> str:
    """Take tags, entities and surplus space out of a line of a subtitle."""
    return " ".join(html.unescape(_MARKUP.sub("", line)).split())


def _short_cues(cues: Iterable[tuple[Span, str]], limit: int) -> Iterator[tuple[Span, str]]:
    """Give cues of at most ``limit`` characters; the parts of a longer one share its span."""
    for span, words in cues:
        for start, end in _packed(list(_pieces(words, limit)), limit):
            yield span, words[start:end]


def _cues(text: str) -> Iterator[tuple[Span, str]]:
    """Find the cues in SRT or WebVTT, however broken the rest is."""
    before: list[str] = []
    for span, lines in _timed_lines(text):
        # Rolling captions repeat the lines of the cue before.
        fresh = [line for line in lines if line not in before]
        before = lines or before
        if fresh:
            yield span, " ".join(fresh)


def _timed_lines(text: str) -> Iterator[tuple[Span, list[str]]]:
    """Give each timing with the clean lines below it, up to an empty line or the next timing."""
    span: Span | None = None
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        timing = _TIMING.match(line)
        if timing is None and line.strip():
            lines.append(line)
            continue
        if span is not None:
            # Without an empty line between cues, the next one's number ends up here.
            kept = lines[:-1] if timing and lines and lines[-1].strip().isdigit() else lines
            yield span, [clean for kept_line in kept if (clean := clean_cue(kept_line))]
        span, lines = (_span(timing) if timing else None), []


def _span(timing: re.Match[str]) -> Span:
    """Turn the eight numbers of a timing into milliseconds; an end before its start is ignored."""
    numbers = [int(part or 0) for part in timing.groups()]
    fractions = [timing[4], timing[8]]
    start, end = (
        ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(fraction.ljust(3, "0"))
        for (hours, minutes, seconds), fraction in zip(
            (numbers[:3], numbers[4:7]), fractions, strict=True
        )
    )
    return Span(start, max(start + 1, end))
