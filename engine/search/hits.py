"""Judged files become hits: copies share one, and the list ends where relevance ends."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.result import Evidence, Hit
from engine.search.leg import Heard
from engine.search.scope import NEAREST, Listing
from engine.search.terms import WORDS, Reason
from engine.store.records import Found
from engine.types import Source, Span, SpanUnit

_SNIPPET = 160
"""Characters of a passage that a hit shows."""

_ID_DIGITS = 7

_RECORDINGS = 4
"""Recordings looked through for each moment that is wanted: the next may hold a better one."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A file, what it scores for the whole query, and why."""

    file_id: int
    score: float
    relevance: float
    reasons: tuple[Reason, ...]
    by_example: bool = False

    def above(self, least: float) -> bool:
        """Whether it is a hit: relevant enough, or like an example, for a person to judge."""
        return self.by_example or self.relevance >= least


CONDITIONS = Source("", "conditions", "date")
"""Why a file is there that no term was asked for."""


def dated(found: Sequence[Found], k: int) -> tuple[Hit, ...]:
    """Files in the order given, at most k contents: all that was asked for is true of them."""
    judged = [
        Judged(one.file_id, 0.0, 1.0, ((Evidence(CONDITIONS, rank, 0.0), one),))
        for rank, one in enumerate(found, start=1)
    ]
    groups: dict[int, Group] = {}
    for one in judged:
        groups.setdefault(_best(one).content_id, []).append(one)
    return tuple(_hit(group) for group in list(groups.values())[:k])


Group = list[Judged]
"""Files with the same bytes, best first."""

Timed = Callable[[Judged], list[Heard]]
"""The moments of a file, best first; none for what has no time."""


def listed(
    judged: Iterable[Judged], listing: Listing, timed: Timed
) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """The hits, best first, and the nearest few of those below the line."""
    groups = _by_content(one for one in judged if one.reasons)
    if listing.moments:
        return _told(_moments(groups, listing, timed), listing)
    above, below = _parted(groups, listing)
    chosen = _balanced(above, listing.k) if listing.balance else above[: listing.k]
    nearest = below[: max(0, min(NEAREST, listing.k - len(chosen)))]
    return _hits(chosen, timed), _hits(nearest, timed)


def _hits(groups: Sequence[Group], timed: Timed) -> tuple[Hit, ...]:
    return tuple(_at_its_moment(_hit(group), timed(group[0])) for group in groups)


def _at_its_moment(hit: Hit, moments: Sequence[Heard]) -> Hit:
    return replace(hit, span=moments[0].span) if moments else hit


def _parted(groups: Sequence[Group], listing: Listing) -> tuple[list[Group], list[Group]]:
    above = [one for one in groups if one[0].above(listing.least)]
    return above, [one for one in groups if not one[0].above(listing.least)]


def _told(hits: Sequence[Hit], listing: Listing) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    ordered = sorted(hits, key=lambda one: -one.score)
    above = [one for one in ordered if one.relevance >= listing.least][: listing.k]
    below = [one for one in ordered if one.relevance < listing.least]
    return tuple(above), tuple(below[: max(0, min(NEAREST, listing.k - len(above)))])


def _moments(groups: Sequence[Group], listing: Listing, timed: Timed) -> list[Hit]:
    """A hit for each moment of the best recordings."""
    found = []
    for group in groups[: listing.k * _RECORDINGS]:
        moments = timed(group[0])
        if moments:
            hit = _hit(group)
            found += [_moment(hit, one, moments[0]) for one in moments]
    return found


def _moment(hit: Hit, one: Heard, best: Heard) -> Hit:
    """As the file, less what this moment is short of its best one."""
    by_sense = (1 - one.chance) / max(1 - best.chance, 1e-6)
    because = (
        replace(why, span=one.span) if why.span in {best.span, hit.span} - {None} else why
        for why in hit.because
    )
    return replace(
        hit,
        span=one.span,
        because=tuple(because),
        score=hit.score - (best.score - one.score),
        relevance=hit.relevance * min(by_sense, 1.0),
    )


def _by_content(judged: Iterable[Judged]) -> list[Group]:
    """Files with the same bytes together, best first; equal scores in the order of ids."""
    groups: dict[int, Group] = {}
    for one in sorted(judged, key=lambda j: (-j.score, j.file_id)):
        groups.setdefault(_best(one).content_id, []).append(one)
    return list(groups.values())


def _balanced(groups: Sequence[Group], k: int) -> list[Group]:
    """The first of each modality, then the second of each, and so on; told best first."""
    turns: dict[str, int] = {}
    places = []
    for at, group in enumerate(groups):
        modality = _best(group[0]).modality.value
        turns[modality] = turns.get(modality, 0) + 1
        places.append((turns[modality], at))
    return [groups[at] for at in sorted(at for _, at in sorted(places)[:k])]


def _best(one: Judged) -> Found:
    return one.reasons[0][1]


def _hit(group: Group) -> Hit:
    first, *others = group
    best = _best(first)
    return Hit(
        path=path_of(best),
        modality=best.modality,
        score=first.score,
        span=_span(first.reasons),
        because=tuple(reason for reason, _ in first.reasons),
        snippet=_shortened(_words(first.reasons)),
        same=tuple(path_of(_best(one)) for one in others),
        relevance=first.relevance,
        id=best.digest.hex()[:_ID_DIGITS],
    )


def _span(reasons: Sequence[Reason]) -> Span | None:
    """The moment of the strongest reason that has one.

    A caption says that a recording fits, not where: its own span counts in characters of the
    caption. A subtitle knows the moment.
    """
    for _, found in reasons:
        of_itself = not found.caption or found.span is None
        if found.span is not None and (of_itself or found.span.unit is SpanUnit.MILLISECONDS):
            return found.span
    return None


def _words(reasons: Sequence[Reason]) -> str:
    """Words that matched as words, or else the words of the best passage."""
    matched = (found.words for reason, found in reasons if reason.source.space == WORDS)
    return next((one for one in matched if one), _best_words(reasons))


def _best_words(reasons: Sequence[Reason]) -> str:
    return reasons[0][1].words if reasons else ""


def _shortened(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _SNIPPET else line[: _SNIPPET - 1].rstrip() + "…"


def path_of(found: Found) -> Path:
    """The absolute path of a found file."""
    return found.root / os.fsdecode(found.path)
