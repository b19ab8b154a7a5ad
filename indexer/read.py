"""One file, read ahead of its turn in a worker thread: digest, kind, and prepared pieces."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from engine.errors import MediaError
from engine.library import stamp_of
from engine.media.pieces import Piece, pieces
from engine.media.probe import digest, probe
from engine.ports import Encoder
from engine.profile import Profile
from engine.store.records import SegmentRecord
from engine.types import Modality
from indexer.scan import FoundFile

READ_AHEAD = 64
"""Pieces of one file that are prepared ahead; the rest of a long recording follows in its turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Model input with the segment it becomes."""

    segment: SegmentRecord
    input: Any
    facts: tuple[tuple[str, int | bool], ...]


@dataclass(frozen=True, slots=True, eq=False)
class New:
    """Bytes that nobody has seen: to be encoded."""

    digest: bytes
    modality: Modality
    format: str
    encoder: Encoder
    head: tuple[Prepared, ...]
    rest: Iterator[Prepared]


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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, file: FoundFile) -> Reading:
        """Read a file; a broken one becomes `Failed`, never an exception."""
        path = file.absolute
        found: bytes | None = None
        try:
            kind = probe(path)
            found = digest(path)
            if not self._claim(found):
                return Known(found)
            encoder = self.profile.encoder_for(kind.modality)
            if encoder is None:
                why = f"unsupported: profile {self.profile.name} has no {kind.modality}"
                return Failed(why, found)
            ahead = _prepare(pieces(path, kind.format, encoder.rule), encoder)
            head = tuple(islice(ahead, READ_AHEAD))
        except MediaError as error:
            return Failed(error.sentence, found)
        if stamp_of(path) != file.stamp:
            return Failed("unstable: it changed while it was read")
        return New(found, kind.modality, kind.format, encoder, head, ahead)

    def _claim(self, found: bytes) -> bool:
        """Whether this thread is the first to bring these bytes."""
        with self._lock:
            if found in self.claimed:
                return False
            self.claimed.add(found)
            return True


def _prepare(stream: Iterator[Piece], encoder: Encoder) -> Iterator[Prepared]:
    for piece in stream:
        segment = SegmentRecord(piece.span, piece.words)
        yield Prepared(segment, encoder.prepare(piece.payload), piece.facts)
