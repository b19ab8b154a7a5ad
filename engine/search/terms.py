"""What all legs and the words say of one term, file by file."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp
from pathlib import Path

from engine.query import Term
from engine.result import Evidence
from engine.search.leg import Leg
from engine.search.scope import Scope
from engine.search.shelves import Shelves
from engine.store.records import Found, WordHit, WordKind
from engine.store.texts import named_by
from engine.types import Source

WORDS_WEIGHT = 10.0
"""Deviations that a file is lifted by when all words of a term stand in its name or tags."""

SAME = 100.0
"""Deviations for the same recording: first, as chance is ruled out (`rank.landmarks.CHANCE`)."""

PASSAGE = 0.5
"""What words within a running text count for: most are there to say something else."""

EVEN, STEEP = 0.25, 8.0
"""At which share of words a file is as likely meant as not, and how fast that changes: chosen by
`python -m tests.bench.absent` so that a tenth of absent things have a hit."""

CHANCES = 1.5
"""A file may match by sense or by words, so what chance does by sense counts for more (Bonferroni
would say twice, which is too much: a query seldom has words that are there by chance)."""

_NEARLY_ALL = 0.99

WORDS_LIMIT = 1_000
"""Files looked at for words that may stand there; what must or must not stand, in all of them."""

_ALL = 2**31

Reason = tuple[Evidence, Found]


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How a file answers one term.

    Attributes:
        score: deviations above what chance brings, and what words add.
        relevance: estimated chance that it is meant, 0 to 1.
        reasons: strongest first.
        by_example: it is among the nearest to an example of its own kind, which there always are.
    """

    score: float
    relevance: float
    reasons: tuple[Reason, ...]
    by_example: bool = False


@dataclass(slots=True, eq=False)
class Answers:
    """One term's legs and word hits, and for each file the places where the very sound occurs."""

    term: Term
    legs: list[Leg]
    words: dict[int, WordHit] = field(default_factory=dict)
    with_words: bool = False
    same: dict[int, list[Found]] = field(default_factory=dict)

    @property
    def files(self) -> set[int]:
        """Every file that some leg, or the words, found."""
        return {one for leg in self.legs for one in leg.seen} | self.words.keys() | self.same.keys()

    def look_up(self, files: Iterable[int]) -> None:
        """Have the scores of these files in every leg."""
        wanted = list(files)
        for leg in self.legs:
            leg.look_up(wanted)

    def judge(self, file_id: int) -> Judgement:
        """What speaks for a file; its best leg counts, and its words add to that."""
        seen = [(leg, leg.seen[file_id]) for leg in self.legs if file_id in leg.seen]
        best = max((one.score for _, one in seen), default=0.0)
        chances = CHANCES if self.with_words else 1
        by_sense = max((1 - min(1.0, chances * one.chance) for _, one in seen), default=0.0)
        reasons = [
            (one.score, (Evidence(_source(leg, one.found), one.rank, one.score), one.found))
            for leg, one in seen
            if one.rank
        ]
        by_words = 0.0
        if word := self.words.get(file_id):
            share = self._share(word)
            lift = _weight(word) * (share + word.coverage) / 2
            best += lift
            by_words = 1 / (1 + exp(-STEEP * (share - EVEN)))
            whole = word.coverage > _NEARLY_ALL
            because = Evidence(self._word_source(word), 0, lift, whole)
            reasons.append((lift, (because, _found(word))))
        relevance = 1 - (1 - by_sense) * (1 - by_words)
        if same := self.same.get(file_id):
            best += SAME
            relevance = 1.0
            source = Source(str(self.term), RECORDING, same[0].modality.value)
            reasons.append((SAME, (Evidence(source, 0, SAME, span=same[0].span), same[0])))
        reasons.sort(key=lambda pair: -pair[0])
        by_example = any(leg.by_example for leg, _ in seen)
        return Judgement(best, relevance, tuple(reason for _, reason in reasons), by_example)

    def _share(self, word: WordHit) -> float:
        """How much of the words is there: the mean of the query's in the file and the name's in it.

        "A black cat" is answered by cat.jpg, though half of its words are not there.
        """
        if word.kind is not WordKind.NAME or isinstance(self.term.payload, Path):
            return word.coverage
        name = os.fsdecode(word.path).rsplit("/", 1)[-1]
        return (word.coverage + named_by(name, self.term.payload)) / 2

    def nearness(self, file_id: int) -> float:
        """How near a file is to a term that pushes away, in deviations; 0 for as near as most."""
        seen = [leg.seen[file_id] for leg in self.legs if file_id in leg.seen]
        by_sense = max((one.score + one.level for one in seen), default=0.0)
        word = self.words.get(file_id)
        return max(by_sense, 0.0) + (_weight(word) * word.coverage if word else 0.0)

    def _word_source(self, word: WordHit) -> Source:
        return Source(str(self.term), WORDS, word.kind.value)


WORDS = "words"
"""Stands for the space in the source of a reason that words gave."""

RECORDING = "recording"
"""The same of the reason that a file holds the same recording."""


def words_for(term: Term, scope: Scope, shelves: Shelves) -> dict[int, WordHit]:
    """The best word hit of each file that may be found, for a term of words."""
    if isinstance(term.payload, Path) or term.modality != "text":
        return {}
    words, phrases = ("", (term.payload,)) if term.exact else (term.payload, ())
    limit = _ALL if term.exact else WORDS_LIMIT
    hits = shelves.find_words(words, phrases=phrases, limit=limit, among=scope.files)
    found: dict[int, WordHit] = {}
    for one in hits:
        if scope.admits(_found(one)):
            found.setdefault(one.file_id, one)
    return found


def _weight(word: WordHit) -> float:
    return WORDS_WEIGHT * (PASSAGE if word.kind is WordKind.PASSAGE else 1.0)


def _source(leg: Leg, found: Found) -> Source:
    source = leg.source
    return Source(source.term, source.space, "caption") if found.caption else source


def _found(word: WordHit) -> Found:
    return Found(
        vector_id=0,
        file_id=word.file_id,
        root=word.root,
        path=word.path,
        modality=word.modality,
        content_id=word.content_id,
        span=word.span,
        words="" if word.kind is WordKind.NAME else word.snippet,  # the path is told anyway
        caption=word.caption,
        digest=word.digest,
    )
