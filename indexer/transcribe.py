"""Words that are seen or heard in what is indexed: found once for each content, and resumable."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.errors import MediaError, ModelError
from engine.media.pieces import Piece
from engine.media.workers import Workers
from engine.ports import Transcriber
from engine.store.records import Content, SegmentRecord, WordKind
from engine.store.stamps import stamp_of
from engine.store.writer import CatalogueWriter
from engine.transcribe import transcriber
from engine.types import Origin
from indexer.ahead import ahead
from indexer.read import sources
from indexer.report import IndexReport, Progress, Skip, Step, Watch, log_skip

BATCH_CONTENTS = 64
"""Contents in one commit, at most."""

BATCH_SECONDS = 2.0
"""How long words may wait for their commit; those of one content are never parted."""

AHEAD = 2
"""Pictures, shots or windows that are decoded while one is read or heard."""

Wishes = Mapping[Origin, bool]
"""Whether to find words of an origin; what is not named stays as it was."""

REMEMBERED: Wishes = {}

_STEPS = {Origin.SEEN: Step.READ, Origin.HEARD: Step.LISTEN}
_SETTING = "words:"


@dataclass(slots=True)
class _State:
    """How far the words of an origin are found; kept in the catalogue, written with every commit.

    Attributes:
        on: whether later runs go on.
        fingerprint: of the transcriber that found them.
        after: contents up to this id are done,
        away: but for these, whose files were not there.
    """

    on: bool = False
    fingerprint: str = ""
    after: int = 0
    away: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, writer: CatalogueWriter, origin: Origin) -> "_State":
        text = writer.setting(_SETTING + origin)
        return cls(**json.loads(text)) if text else cls()

    def settings(self, origin: Origin) -> dict[str, str]:
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {_SETTING + origin: json.dumps(kept)}


def remembered(writer: CatalogueWriter, wishes: Wishes) -> tuple[Transcriber, ...]:
    """Note the wishes, and make ready what earlier and present ones ask for.

    Raises:
        MissingPackageError, ModelError: nothing is noted then.
    """
    states = {origin: _State.of(writer, origin) for origin in _STEPS}
    for origin, on in wishes.items():
        states[origin].on = on
    found = tuple(transcriber(origin) for origin, state in states.items() if state.on)
    for origin in wishes:
        writer.set_settings(states[origin].settings(origin))
    return found


class Transcription:
    """One run: every content that has not been read or heard yet."""

    def __init__(self, writer: CatalogueWriter, watch: Watch, decoders: Workers) -> None:
        self._writer = writer
        self._decoders = decoders
        self._watch = watch
        self._counts = dict.fromkeys(_STEPS, 0)
        self._skips: list[Skip] = []

    def run(self, one: Transcriber) -> None:
        """Find the words of one origin in all contents that lack them."""
        state = _State.of(self._writer, one.origin)
        if state.fingerprint != one.fingerprint:
            state = _State(on=True, fingerprint=one.fingerprint)
        again = set(state.away)
        contents = self._writer.contents_after(0, one.modalities)
        todo = [each for each in contents if each.id > state.after or each.id in again]
        batch = _Batch(state)
        for done, content in enumerate(todo, start=1):
            self._take(batch, one, content)
            if batch.is_due() or done == len(todo):
                self._commit(batch, one)
                path = _path_of(content)
                self._watch(Progress(done, len(todo), path, _STEPS[one.origin]))

    def told(self, report: IndexReport) -> IndexReport:
        """The report of a run with what was found, and what could not be read or heard."""
        skipped = sorted([*report.skipped, *self._skips], key=lambda skip: skip.file)
        return replace(
            report,
            seen=self._counts[Origin.SEEN],
            heard=self._counts[Origin.HEARD],
            skipped=tuple(skipped),
        )

    def _take(self, batch: "_Batch", one: Transcriber, content: Content) -> None:
        try:
            words = words_of(one, content, self._decoders)
        except ModelError as error:
            self._skips.append(Skip(str(_path_of(content)), error.sentence))
            log_skip(self._skips[-1])
            words = ()
        batch.add(content.id, words)

    def _commit(self, batch: "_Batch", one: Transcriber) -> None:
        self._counts[one.origin] += sum(map(bool, batch.words.values()))
        self._writer.set_words(one.origin, batch.words, batch.state.settings(one.origin))
        batch.clear()


class _Batch:
    """Words that wait for their commit, and the state that is true with them."""

    def __init__(self, state: _State) -> None:
        self.state = state
        self.words: dict[int, Sequence[SegmentRecord]] = {}
        self._since = time.monotonic()

    def add(self, content: int, words: Sequence[SegmentRecord] | None) -> None:
        """Take the words of a content; None when none of its files is there."""
        self.state.after = max(self.state.after, content)
        away = {*self.state.away, content} if words is None else {*self.state.away} - {content}
        self.state.away = sorted(away)
        if words is not None:
            self.words[content] = words

    def is_due(self) -> bool:
        late = time.monotonic() - self._since > BATCH_SECONDS
        return late or len(self.words) >= BATCH_CONTENTS

    def clear(self) -> None:
        self.words = {}
        self._since = time.monotonic()


def words_of(
    one: Transcriber, content: Content, decoders: Workers
) -> tuple[SegmentRecord, ...] | None:
    """The words in a content, or None when none of its files is there as it was indexed.

    Raises:
        ModelError: the transcriber failed.
    """
    path = next(sources(content), None)
    if path is None:
        return None
    stamp = stamp_of(path)
    decoded = decoders.pieces(path, content.format, one.rule)
    found = tuple(_segments(one, decoded))
    return found if stamp_of(path) == stamp else None


def _segments(one: Transcriber, pieces: Iterator[Piece]) -> Iterator[SegmentRecord]:
    """Words up to the first damage, which was told when the file was indexed."""
    decoded = ((piece.span, piece.payload) for piece in pieces)
    with suppress(MediaError), ahead(decoded, AHEAD) as parts:
        for found in one.transcribe(parts):
            yield SegmentRecord(found.span, found.words, WordKind(one.origin.value))
    decoded.close()  # (not in a run that was stopped: it may be asked for a piece just then)


def _path_of(content: Content) -> Path:
    first = content.files[0]
    return first.root / os.fsdecode(first.path)
