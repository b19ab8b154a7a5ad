"""One file, read ahead of its turn in a thread: digest, kind, and prepared pieces."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import MediaError
from engine.facts import Facts
from engine.media.formats import SIDECAR
from engine.media.pieces import Piece
from engine.media.probe import Probe, digest, most_bytes
from engine.media.workers import Workers
from engine.ports import AudioRule, Encoder
from engine.profile import Profile, Track
from engine.rank.landmarks import PeakFinder
from engine.store.records import Content, SegmentRecord, WordKind
from engine.store.stamps import stamp_of
from engine.types import Modality
from indexer.inflight import Inflight
from indexer.scan import FoundFile

READ_AHEAD = {Modality.VIDEO: 12}
"""Pieces of a track that are prepared ahead; the rest of a long recording follows in its turn."""

READ_AHEAD_ELSE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A segment with model input for each encoder of its track."""

    segment: SegmentRecord
    inputs: tuple[Any, ...]
    facts: tuple[tuple[str, int | bool], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """What one track makes of a file.

    Attributes:
        rest: what follows the head; None where that is all.
        finder: of the peaks of what is heard, once the rest was read; None where nothing is.
    """

    encoders: tuple[Encoder, ...]
    head: tuple[Prepared, ...]
    rest: Iterator[Prepared] | None
    finder: PeakFinder | None = None


@dataclass(frozen=True, slots=True, eq=False)
class New:
    """Bytes that nobody has seen: to be encoded.

    Attributes:
        facts: what the file says about itself.
        words: passages that are not encoded: the subtitles in a film.
    """

    digest: bytes
    modality: Modality
    format: str
    strands: tuple[Strand, ...]
    partial: bool = False
    facts: Facts = field(default_factory=Facts)
    words: tuple[SegmentRecord, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Bytes that the library has, or that an earlier file of this run brings."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that cannot be indexed; `digest` is there when its bytes could be read."""

    reason: str
    digest: bytes | None = None


Reading = New | Known | Failed


@dataclass(slots=True)
class Reader:
    """Reads files for one run; used by several threads at once."""

    profile: Profile
    claimed: set[bytes]
    decoders: Workers
    inflight: Inflight
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, file: FoundFile) -> Reading:
        """Read a file; a broken one becomes `Failed`, never an exception."""
        with self.inflight.holding(file) if file.takes_decoder else nullcontext():
            return self._read(file)

    def _read(self, file: FoundFile) -> Reading:
        path = file.absolute
        found: bytes | None = None
        try:
            kind = self.decoders.probe(path)
            most = most_bytes(kind.modality)
            found = digest(path, at_most=most, meanwhile=self.decoders.check_open)
            if not self._claim(found):
                return Known(found)
            tracks = self.profile.tracks(kind.modality)
            if not tracks and kind.format != SIDECAR:
                return Failed(no_encoder(self.profile, kind.modality), found)
            strands = strands_of(path, kind, tracks, self.decoders)
            partial = len(strands) < len(tracks)
            facts = self.decoders.facts(path, kind.modality, kind.format)
            words = tuple(
                SegmentRecord(span, words, WordKind.SUBTITLE)
                for span, words in self.decoders.subtitles(path, kind.format)
            )
        except MediaError as error:
            return Failed(error.sentence, found)
        if stamp_of(path) != file.stamp:
            return Failed("unstable: it changed while it was read")
        return New(found, kind.modality, kind.format, strands, partial, facts, words)

    def _claim(self, found: bytes) -> bool:
        """Whether this thread is the first to bring these bytes."""
        with self._lock:
            if found in self.claimed:
                return False
            self.claimed.add(found)
            return True


def no_encoder(profile: Profile, modality: str) -> str:
    """The reason of files that a profile cannot take; another profile may."""
    return f"unsupported: profile {profile.name} has no {modality}"


def strands_of(
    path: Path, kind: Probe, tracks: Sequence[Track], decoders: Workers
) -> tuple[Strand, ...]:
    """Begin to read a file for each track; MediaError when no track can be read.

    A video whose pictures cannot be decoded may still be heard, and the reverse.
    """
    strands, failures = [], []
    for track in tracks:
        try:
            strands.append(_strand(path, kind, track, decoders))
        except MediaError as error:
            failures.append(error)
    if failures and not any(strand.head for strand in strands):
        raise failures[0]
    return tuple(strands)


def _strand(path: Path, kind: Probe, track: Track, decoders: Workers) -> Strand:
    finder = PeakFinder() if isinstance(track.rule, AudioRule) else None
    decoded = decoders.pieces(path, kind.format, track.rule, finder)
    stream = _prepare(decoded, track.encoders)
    most = READ_AHEAD.get(kind.modality, READ_AHEAD_ELSE)
    head = tuple(islice(stream, most))
    return Strand(track.encoders, head, stream if len(head) == most else None, finder)


def _prepare(stream: Iterator[Piece], encoders: Sequence[Encoder]) -> Iterator[Prepared]:
    for piece in stream:
        segment = SegmentRecord(piece.span, piece.words)
        inputs = tuple(encoder.prepare(piece.payload) for encoder in encoders)
        yield Prepared(segment, inputs, piece.facts)


def sources(content: Content) -> Iterator[Path]:
    """Files that hold a content: as they were indexed, or touched and yet the same."""
    for file in content.files:
        path = file.root / os.fsdecode(file.path)
        stamp = stamp_of(path)
        try:
            if stamp == file.stamp or (
                stamp is not None
                and stamp.size == file.stamp.size
                and digest(path) == content.digest
            ):
                yield path
        except MediaError:
            continue
