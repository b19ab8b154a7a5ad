"""Files to search with: what they are, and the rows of a whole file or of a part of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import MediaError, UsageError
from engine.media.probe import probe
from engine.media.reasons import Reason
from engine.ports import AudioRule, Encoder, ImageRule, Payload
from engine.query import Region, Term
from engine.rank.landmarks import RATE, Codes, read_anew
from engine.types import Modality, Span, Vectors

if TYPE_CHECKING:
    from engine.media.pieces import Piece

MAX_PIECES = 48
"""Windows or passages of a query file that are used: four minutes of sound say what it is."""

MAX_LISTENED_MS = 60_000
"""So much of a query is looked for as a recording; name another part of it to look for that."""

_LISTENING = AudioRule(RATE, 5_000, 5_000)
_ENDLESS = 1 << 40

_LEAST_PART = 0.5
"""A window that lies less than half in the part that is meant is left out, if others lie better."""


def modality_of(path: Path) -> Modality:
    """What a file to search with is; UsageError naming it when it cannot be searched with."""
    with naming(path):
        return probe(_resolved(path)).modality


def _resolved(path: Path) -> Path:
    """Where links lead; unlike pathlib's own, it takes a loop for a file that is not there."""
    return Path(os.path.realpath(path))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file that a query cannot be made of, and say what to do."""
    try:
        yield
    except MediaError as error:
        if error.reason == Reason.VANISHED:
            raise UsageError(f"There is no file {path}.", hint="Check the spelling.") from error
        raise UsageError(
            f"{path} cannot be searched with ({error.sentence}).",
            hint="Give a picture, a sound, a video or a text that opens elsewhere.",
        ) from error


def encode_file(path: Path, encoder: Encoder, term: Term) -> Vectors:
    """The rows (n, dim) of a file, or of the part of it that a term means; n may be 0.

    Raises:
        UsageError: the file is of another modality, or it has no such part.
        MediaError: it cannot be decoded.
    """
    from engine.media.pieces import pieces  # decoders, which a search by words needs not

    resolved = _resolved(path)
    kind = probe(resolved)
    if kind.modality is not term.modality:
        raise UsageError(f"{path} is {kind.modality}, not {term.modality}.")
    rule = encoder.rule
    if term.region is not None and isinstance(rule, ImageRule):
        smaller = min(term.region.width, term.region.height)
        rule = ImageRule(at_least=ceil(rule.at_least / smaller))
    payloads = _parts(pieces(resolved, kind.format, rule), term, encoder)
    if not payloads and term.span is not None:
        raise UsageError(
            f"{path} ends before {term.span.start / 1000:g} s.", hint="Name an earlier part of it."
        )
    return encoder.encode([encoder.prepare(one) for one in payloads])


def peaks_of(path: Path, term: Term) -> tuple[Codes, ...]:
    """The peaks of a sound, or of the part of it that a term means; empty where nothing is heard.

    Of what is long the first `MAX_LISTENED_MS` are taken. Read at several parts of a hop.
    """
    from engine.media.audio import windows

    start, end = (term.span.start, term.span.end) if term.span else (0, _ENDLESS)
    heard: list[Vectors] = []
    done = start
    try:
        for window in windows(_resolved(path), _LISTENING):
            if window.span.end > done:  # the last one is moved back
                begin = max(0, done - window.span.start) * RATE // 1000
                heard.append(window.samples[begin : (end - window.span.start) * RATE // 1000])
                done = window.span.end
            if done >= min(end, start + MAX_LISTENED_MS):
                break
    except MediaError as error:
        if error.reason != Reason.NO_AUDIO:
            raise
    return read_anew(np.concatenate([np.zeros(0, np.float32), *heard]))


def _parts(stream: Iterator["Piece"], term: Term, encoder: Encoder) -> list[Payload]:
    """The payloads of what is meant: cropped to the region, cut to the span."""
    whole: list[Payload] = []
    cut: list[tuple[float, Payload]] = []
    for piece in stream:
        payload = piece.payload if term.region is None else _cropped(piece.payload, term.region)
        if term.span is None or piece.span is None:
            whole.append(payload)
        elif piece.span.start >= term.span.end:
            break
        elif (share := _overlap(piece.span, term.span)) > 0:
            cut.append((share, _cut(payload, piece.span, term.span, encoder)))
        if len(whole) + len(cut) == MAX_PIECES:
            break
    most = max((share for share, _ in cut), default=0.0)
    return whole + [one for share, one in cut if share >= _LEAST_PART * most]


def _overlap(piece: Span, meant: Span) -> float:
    """Milliseconds that both have."""
    return min(piece.end, meant.end) - max(piece.start, meant.start)


def _cut(payload: Payload, piece: Span, meant: Span, encoder: Encoder) -> Payload:
    """The samples of a window that lie in what is meant; pictures and words stay whole."""
    rule = encoder.rule
    if not isinstance(rule, AudioRule):
        return payload
    start = (max(piece.start, meant.start) - piece.start) * rule.rate // 1000
    end = (min(piece.end, meant.end) - piece.start) * rule.rate // 1000
    samples = np.asarray(payload)[start:end]
    return samples if len(samples) else payload


def _cropped(payload: Payload, region: Region) -> Payload:
    """The part of a picture; sounds and words have none."""
    if isinstance(payload, str) or payload.ndim != 3:  # noqa: PLR2004  (height, width, colours)
        return payload
    height, width = payload.shape[:2]
    top, left = int(region.y * height), int(region.x * width)
    bottom = max(top + 1, round((region.y + region.height) * height))
    right = max(left + 1, round((region.x + region.width) * width))
    return payload[top:bottom, left:right]


def absolute(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Absolute paths, `~` and `..` taken out, links left as they are."""
    return tuple(Path(os.path.abspath(Path(one).expanduser())) for one in paths)  # noqa: PTH100
