"""Prepared files become content records: encoded in batches that run over files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeVar

import numpy as np

from engine.errors import MediaError
from engine.media.formats import SIDECAR
from engine.media.reasons import Reason
from engine.store.records import ContentRecord, View
from engine.types import Vectors
from indexer.ahead import ahead
from indexer.read import New, Prepared, Strand

REST_AHEAD = 16
"""Pieces of a long recording that are decoded while those before them are encoded."""

_DURATION = "duration_ms"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """One strand of one file, and the rows made of it so far, for each of its encoders."""

    file: int
    strand: Strand
    rows: list[list[Vectors]]


def embed(group: Sequence[New]) -> list[ContentRecord | MediaError]:
    """Encode new contents; a broken one becomes its error."""
    work = [
        _Work(file, strand, [[] for _ in strand.encoders])
        for file, new in enumerate(group)
        for strand in new.strands
    ]
    _encode_heads(work)
    by_file = {file: list(part) for file, part in groupby(work, key=lambda one: one.file)}
    return [_finish(new, by_file.get(file, [])) for file, new in enumerate(group)]


def _encode_heads(work: Sequence[_Work]) -> None:
    """Give every encoder the heads of all files at once."""
    encoders = {id(one): one for job in work for one in job.strand.encoders}
    for encoder in encoders.values():
        places = [
            (job.rows[at], prepared.inputs[at])
            for job in work
            for at, one in enumerate(job.strand.encoders)
            if one is encoder
            for prepared in job.strand.head
        ]
        for part in _parts(iter(places), encoder.at_once):
            rows = encoder.encode([given for _, given in part])
            for (into, _), row in zip(part, rows, strict=True):
                into.append(row)


def _finish(new: New, work: Sequence[_Work]) -> ContentRecord | MediaError:
    """Encode what is left of a long recording, a few pieces at a time, and make the record."""
    views: list[View] = []
    facts: list[tuple[str, int | bool]] = [("partial", True)] if new.partial else []
    failure = MediaError(Reason.BLANK, "there is nothing in it to encode")
    for job in work:
        prepared = list(job.strand.head)
        try:
            prepared += _encode_rest(job)
        except MediaError as error:
            if len(work) == 1:
                return error
            for rows in job.rows:  # of a film, what came before the damage is kept
                del rows[len(prepared) :]
            facts.append(("partial", True))
        facts += [fact for one in prepared for fact in one.facts]
        if prepared and all(np.isfinite(row).all() for rows in job.rows for row in rows):
            views.append(_view(job, prepared))
        elif prepared:  # the library refuses such vectors, with all that is committed beside them
            facts.append(("partial", True))
            failure = MediaError(Reason.UNDECODABLE, "what comes of it are no finite numbers")
    if new.words:
        views.append(View(new.words, ()))
    if not views and new.format != SIDECAR:
        return failure
    info = new.facts.as_info() | _measured(facts)  # headers may lie, what was decoded does not
    finder = next((job.strand.finder for job in work if job.strand.finder is not None), None)
    peaks = None if finder is None else finder.finish()
    return ContentRecord(new.digest, new.modality, new.format, info, tuple(views), peaks)


def _measured(facts: Sequence[tuple[str, int | bool]]) -> dict[str, int | bool]:
    """Gather what the pieces say of the whole: the last word on each, and the latest end."""
    ends = [value for name, value in facts if name == _DURATION]
    return dict(facts) | ({_DURATION: max(ends)} if ends else {})


def _encode_rest(job: _Work) -> list[Prepared]:
    done: list[Prepared] = []
    if job.strand.rest is None:
        return done
    size = min(encoder.at_once for encoder in job.strand.encoders)
    with ahead(job.strand.rest, REST_AHEAD) as rest:
        for part in _parts(rest, size):
            for at, encoder in enumerate(job.strand.encoders):
                job.rows[at].extend(encoder.encode([one.inputs[at] for one in part]))
            done += [Prepared(one.segment, (), one.facts) for one in part]
    return done


def _view(job: _Work, prepared: Sequence[Prepared]) -> View:
    vectors = tuple(
        (encoder.space, np.stack(rows))
        for encoder, rows in zip(job.strand.encoders, job.rows, strict=True)
    )
    return View(tuple(one.segment for one in prepared), vectors)


def _parts(stream: Iterator[T], size: int) -> Iterator[list[T]]:
    while part := list(islice(stream, size)):
        yield part
