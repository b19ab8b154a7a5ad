"""Asks a library all questions, and sums up what came of them."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import numpy as np

from engine import evaluate
from engine.evaluate import Difference, Interval, Judged
from engine.experiment.plan import Plan
from engine.experiment.questions import WORDS, Direction, Question, Shelf
from engine.query import Query
from engine.rank.steps import ALL_STEPS, Steps
from engine.result import SearchResult
from engine.search import Listing

DEPTH = 1_000
"""So far down a ranking is looked at; beyond it, an answer counts as not found."""

TOP = 10
SAMPLE = 100
"""So many questions of a direction are timed, and asked without shortcuts too."""

_EXACT_MOST = 200_000
"""Contents up to which all vectors are taken into memory to search without shortcuts."""

_TURN_MOST = 25_000_000
"""Scores kept to be read the other way: 200 MB."""


class Searched(Protocol):
    """What a trial needs of a library."""

    def search(
        self,
        query: str | Query,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        listing: Listing | None = None,
        captions: bool = True,
    ) -> SearchResult:
        """Find files."""
        ...

    def exact(self) -> "Searched":
        """The same library without shortcuts."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """How questions are asked.

    Attributes:
        depth: how many hits are looked at.
        under: folders that are searched; empty for all.
        changed: the steps of the setting to compare with; None for no comparison.
        seed: of resamples and shuffles.
        sample: so many questions are timed and asked without shortcuts.
    """

    depth: int = DEPTH
    under: tuple[Path, ...] = ()
    changed: Steps | None = None
    seed: int = 0
    sample: int = SAMPLE


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of a direction, beside what no sense at all would score.

    Attributes:
        shuffled: None where there is but one question.
        changed: the other setting less this one; None where none is compared or means nothing.
    """

    name: str
    interval: Interval
    chance: float
    shuffled: float | None
    changed: Difference | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds for a search of `TOP` hits: half, and 95 of 100, take at most so long.

    Attributes:
        overlap: mean share of the exact `TOP` hits that production gives; None if not compared.
    """

    p50: float
    p95: float
    asked: int
    overlap: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a direction.

    Attributes:
        gallery: how many files (of different bytes) the answers were looked for among.
        ranks: of the first relevant, for each question by its label; None when not found.
        pace: None where no search of its own was made.
    """

    name: str
    figures: tuple[Figure, ...]
    queries: int
    gallery: int
    depth: int
    ranks: tuple[tuple[str, int | None], ...]
    pace: Pace | None = None


Places = Mapping[int, int]
"""The rank of each content, from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Rankings of all questions under one setting, with the score of each content."""

    places: tuple[Places, ...]
    scores: tuple[Mapping[int, float], ...]


def _searches(directions: Sequence[Direction], trial: Trial) -> int:
    """About how many searches a trial takes."""
    runs = 1 if trial.changed is None else 2
    sizes = [len(one.questions) for one in directions]
    return sum(runs * size + 2 * min(size, trial.sample) for size in sizes)


def run(
    library: Searched, plan: Plan, trial: Trial, watch: Callable[[int, int], None]
) -> Iterator[Outcome]:
    """Ask all questions of all directions; one outcome each, and one for each that is turned.

    Args:
        library: to search in.
        plan: what is asked, and what the library holds.
        trial: how it is asked.
        watch: called after each search with how many are done, and about how many there are.
    """
    total = _searches(plan.asked.directions, trial)
    done = count(1)
    shelf = plan.shelf
    for one in plan.asked.directions:
        gallery = shelf.count(one.wanted) - _owns(one, shelf)
        depth = min(trial.depth, gallery)
        ask = _Asking(library, shelf, one, trial, depth, lambda: watch(next(done), total))
        before = ask.all(None)
        after = None if trial.changed is None else ask.all(trial.changed)
        yield _outcome(one.name, one.questions, (before, after), gallery, trial, ask.pace())
        if one.turned and depth == gallery and len(one.questions) * gallery <= _TURN_MOST:
            yield from _turned(one, shelf, (before, after), trial)


def _owns(direction: Direction, shelf: Shelf) -> int:
    """1 when what is asked with lies among what is searched, and is left out."""
    return int(
        any(q.own is not None and shelf.finds(q.own, direction.wanted) for q in direction.questions)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asking:
    library: Searched
    shelf: Shelf
    direction: Direction
    trial: Trial
    depth: int
    asked: Callable[[], None]

    def all(self, steps: Steps | None) -> Run:
        """Ask every question."""
        ranked = [self.ranked(self.library, one, self.depth, steps) for one in self._questions]
        places = tuple({c: rank for rank, c in enumerate(one, 1)} for one in ranked)
        return Run(places, tuple(ranked))

    def ranked(
        self, library: Searched, question: Question, k: int, steps: Steps | None = None
    ) -> dict[int, float]:
        """Contents with their scores, best first, without the question's own."""
        result = library.search(
            question.query,
            modalities=self.direction.wanted,
            under=self.trial.under,
            listing=Listing(k=k + (question.own is not None), least=0.0, steps=steps or ALL_STEPS),
            captions=self.direction.captions,
        )
        self.asked()
        scores: dict[int, float] = {}
        for hit in result.hits:
            content = self.shelf.by_path.get(hit.path)
            if content is not None and content != question.own:
                scores.setdefault(content, hit.score)
        return dict(list(scores.items())[:k])

    def pace(self) -> Pace:
        """Time some questions, and ask them without shortcuts too."""
        step = max(1, -(-len(self._questions) // self.trial.sample))
        some = self._questions[::step]
        took, found = [], []
        for one in some:
            start = time.perf_counter()
            found.append(set(self.ranked(self.library, one, TOP)))
            took.append((time.perf_counter() - start) * 1000)
        p50, p95 = np.percentile(took, (50, 95))
        return Pace(float(p50), float(p95), len(some), self._overlap(some, found))

    def _overlap(self, some: Sequence[Question], found: Sequence[set[int]]) -> float | None:
        if len(self.shelf.contents) > _EXACT_MOST:
            return None
        exact = self.library.exact()
        truly = [set(self.ranked(exact, one, TOP)) for one in some]
        shares = [len(a & b) / len(b) for a, b in zip(found, truly, strict=True) if b]
        return float(np.mean(shares)) if shares else 1.0

    @property
    def _questions(self) -> tuple[Question, ...]:
        return self.direction.questions


def _turned(
    direction: Direction, shelf: Shelf, runs: tuple[Run, Run | None], trial: Trial
) -> Iterator[Outcome]:
    """Each file looks for its words among all words, by the score that it has for them."""
    if len(direction.questions) < 2:  # noqa: PLR2004  (one alone is always first)
        return
    answers: dict[int, dict[int, float]] = {}
    for number, question in enumerate(direction.questions):
        for content, grade in question.relevant.items():
            answers.setdefault(content, {})[number] = grade
    contents = list(answers)
    questions = [_question_of(one, answers[one], direction, shelf) for one in contents]
    before, after = runs
    turned = _columns(before, contents), None if after is None else _columns(after, contents)
    (wanted,) = direction.wanted
    name, gallery = f"{wanted} -> {WORDS}", len(direction.questions)
    yield _outcome(name, questions, turned, gallery, trial, None)


def _question_of(
    content: int, answers: Mapping[int, float], direction: Direction, shelf: Shelf
) -> Question:
    """A file that asks for its words, which are known by their number."""
    first = direction.questions[min(answers)]
    return Question(str(shelf.path(content)), first.query, answers, group=first.group)


def _columns(run: Run, contents: Sequence[int]) -> Run:
    """For each content, the questions by the score that it has for them; ties by number."""
    scores = [
        {number: one[content] for number, one in enumerate(run.scores) if content in one}
        for content in contents
    ]
    ordered = [dict(sorted(one.items(), key=lambda item: -item[1])) for one in scores]
    return Run(tuple({n: r for r, n in enumerate(one, 1)} for one in ordered), tuple(ordered))


def _outcome(
    name: str,
    questions: Sequence[Question],
    runs: tuple[Run, Run | None],
    gallery: int,
    trial: Trial,
    pace: Pace | None,
) -> Outcome:
    judged = _judged(questions, runs[0])
    depth = min(trial.depth, gallery)
    return Outcome(
        name,
        tuple(_figures(questions, judged, runs, gallery, trial.seed)),
        len(questions),
        gallery,
        depth,
        tuple(
            (question.label, int(one.rank) if len(one.found) else None)
            for question, one in zip(questions, judged, strict=True)
        ),
        pace,
    )


def _judged(questions: Sequence[Question], run: Run) -> list[Judged]:
    return [
        evaluate.judge_places(places, one.relevant)
        for places, one in zip(run.places, questions, strict=True)
    ]


def _figures(
    questions: Sequence[Question],
    judged: Sequence[Judged],
    runs: tuple[Run, Run | None],
    gallery: int,
    seed: int,
) -> Iterator[Figure]:
    before, after = runs
    table = evaluate.values(judged)
    groups = _groups(questions)
    chance = evaluate.by_chance([(one.grades, gallery) for one in judged])
    mixed = evaluate.shuffled(before.places, [one.relevant for one in questions], seed=seed)
    other = None if after is None else evaluate.values(_judged(questions, after))
    intervals = evaluate.intervals(evaluate.METRICS, table, groups, seed=seed)
    for number, (metric, interval) in enumerate(zip(evaluate.METRICS, intervals, strict=True)):
        changed = None
        if other is not None and not metric.median:
            changed = evaluate.paired(table[:, number], other[:, number], groups, seed=seed)
        shuffled = None if mixed is None else mixed[metric.name]
        yield Figure(metric.name, interval, chance[metric.name], shuffled, changed)


def _groups(questions: Sequence[Question]) -> list[str] | None:
    """The group of each question; one without a group stands for itself."""
    if not any(one.group for one in questions):
        return None
    return [one.group or f"\0{number}" for number, one in enumerate(questions)]
