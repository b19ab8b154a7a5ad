"""Classifiers of a library: fitted on labelled things, run over all that is indexed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.arrays import blocks
from engine.classify import Classifier, Predictions, fit
from engine.collect.items import Scope, path_of
from engine.collect.labels import checked_labels
from engine.errors import UsageError
from engine.library import Library
from engine.store.catalogue import CatalogueReader
from engine.store.records import Content, Guess
from engine.teach import kept
from engine.teach.channels import Channel, Reading, chosen, encoders_of
from engine.teach.kept import Card
from engine.teach.lessons import AT_ONCE, Lesson, lesson_of
from engine.teach.reports import report_of, unmeasured
from engine.teach.tables import Labelled
from engine.types import Modality, Vectors

Saw = Callable[[int, int], None]

LATE = "late"
"""How channels are fused unless somebody says: quick, and made for things that lack some."""

FEW = 0.1
"""A channel that fewer of the labelled things have is used only when it is named."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A classifier that was fitted and is kept in its library.

    Attributes:
        left_out: labelled things that could not be read, and why.
        forgot: of how many contents labels were dropped that one of its name had given.
    """

    card: Card
    left_out: tuple[tuple[Labelled, str], ...]
    forgot: int


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a classifier says of a content.

    Attributes:
        paths: the files that hold it, sorted.
        guesses: of every label, the most probable first.
    """

    paths: tuple[Path, ...]
    modality: Modality
    guesses: tuple[Guess, ...]


def fit_classifier(
    library: Library,
    things: Sequence[Labelled],
    name: str,
    use: Collection[str] = (),
    kind: str = LATE,
    saw: Saw = lambda _done, _total: None,
) -> Fitted:
    """Learn labels from labelled things, measure how well, and keep what was learnt.

    Args:
        library: whose vectors are used, and where it is kept.
        things: as `read_labels` gives them.
        name: of the classifier; one of this name is replaced, and its labels are dropped.
        use: names of channels; empty for all that a tenth of the things have.
        kind: how channels are fused: one of `engine.classify.KINDS`, or ``auto``.
        saw: told of progress with things that are not indexed.

    Raises:
        UsageError: no name for a classifier, no such channel, too few labels or examples, one
            class only; nothing is changed.
    """
    kept.checked_name(name)
    with library.writing() as writer:
        encoders = chosen(encoders_of(library.profile), use)
        lesson = lesson_of(Reading(library, writer, encoders), things, saw)
        views = _used(lesson, use)
        way = "single" if kind == LATE and len(views) == 1 else kind
        with _one_thread():
            classifier = fit(views, lesson.labels, lesson.groups, way)
            report = report_of(classifier, views, lesson.labels, lesson.groups, way)
        reads = {name: encoders[Channel(name)].space for name in classifier.widths}
        card = Card(name, classifier.labels, reads, report)
        made = kept.keep(library.path, card, classifier.save)
        return Fitted(made, lesson.left_out, forgot=writer.drop_labels(name))


def _one_thread() -> AbstractContextManager[Any]:
    """Thousands of small fits: the threads of BLAS would spin more than they compute."""
    import scipy.linalg  # noqa: F401  (its BLAS is another than numpy's, and limited once loaded)
    from threadpoolctl import threadpool_limits

    limited: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limited


def drop_classifier(library: Library, name: str) -> int:
    """Forget a classifier and its labels; returns of how many contents. UsageError for none."""
    with library.writing(adopt=False) as writer:
        kept.drop(library.path, name)
        return writer.drop_labels(name)


def fit_words(library: Library, labels: Sequence[str], name: str) -> Fitted:
    """Keep a classifier that knows its labels by their words alone; nothing is measured.

    UsageError for fewer than two labels, or no name for a classifier.
    """
    kept.checked_name(name)
    words = checked_labels(labels)
    if len(words) == 1:
        raise UsageError(f"'{words[0]}' alone leaves nothing to choose.", hint="Name a second.")
    with library.writing() as writer:
        made = kept.keep(library.path, Card(name, words, {}, unmeasured()), None)
        return Fitted(made, (), forgot=writer.drop_labels(name))


def _used(lesson: Lesson, use: Collection[str]) -> dict[str, Vectors]:
    """The channels to learn from."""
    if not lesson.labels:
        why = f" The first: {lesson.left_out[0][1]}" if lesson.left_out else ""
        raise UsageError(
            f"None of the {len(lesson.left_out):,} labelled things can be read.{why}",
            hint="Paths start at the folder of the table.",
        )
    known = {name: ~np.isnan(rows[:, 0]) for name, rows in lesson.views.items()}
    for name in use:
        if not known[name].any():
            has = ", ".join(one for one, there in known.items() if there.any())
            raise UsageError(f"None of the labelled things has '{name}'.", hint=f"Use: {has}.")
    used = {one for one, there in known.items() if use or there.mean() >= FEW}
    return {name: rows for name, rows in lesson.views.items() if name in used or not used}


def predict(
    library: Library,
    name: str,
    *,
    modalities: Collection[str] | None = None,
    under: Sequence[str | Path] = (),
    saw: Saw = lambda _done, _total: None,
) -> tuple[Predicted, ...]:
    """Let a classifier say what files are; the library remembers it.

    A caption that stands beside a medium belongs to that, and gets no label of its own. Contents
    without anything that the classifier reads get none, and lose what it had said of them.

    Args:
        library: whose files and classifier.
        name: of the classifier.
        modalities: of the files; None for all.
        under: only files below these folders.
        saw: told of progress: contents done, of how many.

    Raises:
        UsageError: there is no classifier of this name.
        EngineError: it is damaged, or was fitted with other encoders than the library has now.
    """
    card = kept.card_of(library.path, name)
    scope = library.place(modalities, under)
    say = _by_words(library, card, scope) if not card.model else _by_model(library, card)
    found: list[Predicted] = []
    with library.writing() as writer:
        contents = _within(writer, scope)
        alone = writer.standing_alone()
        for block in blocks(len(contents), AT_ONCE):
            part = contents[block]
            said = {
                one.id: guesses if one.id in alone else ()
                for one, guesses in zip(part, say(writer, part), strict=True)
            }
            writer.set_labels(name, said)
            found += _predicted(part, said, scope)
            saw(block.stop, len(contents))
    return tuple(sorted(found, key=lambda one: one.paths))


_Say = Callable[[CatalogueReader, Sequence[Content]], list[tuple[Guess, ...]]]
"""The guesses for each of some contents; none where there is nothing to go by."""


def _by_model(library: Library, card: Card) -> _Say:
    encoders = encoders_of(library.profile)
    kept.check_spaces(card, {channel.value: one for channel, one in encoders.items()})
    classifier = Classifier.load(kept.model_of(library.path, card))
    read = {Channel(one): encoders[Channel(one)] for one in card.reads}

    def say(catalogue: CatalogueReader, contents: Sequence[Content]) -> list[tuple[Guess, ...]]:
        rows = Reading(library, catalogue, read).rows(contents)
        found = classifier.predict({channel.value: one for channel, one in rows.items()})
        there = set(np.flatnonzero(found.weights.any(axis=1)).tolist())
        return [_guesses(found, at) if at in there else () for at in range(len(contents))]

    return say


def _by_words(library: Library, card: Card, scope: Scope) -> _Say:
    """By the same evidence as `seehear tag`: its odds, made to sum to 1 over the labels."""
    tagged = library.tag(card.labels, modalities=scope.wanted, under=scope.under, least=0.0)
    odds = {
        one.path: {label.name: label.chance / (1 - label.chance) for label in one.labels}
        for one in tagged
    }

    def say(_: CatalogueReader, contents: Sequence[Content]) -> list[tuple[Guess, ...]]:
        firsts = (next((odds[p] for p in map(path_of, c.files) if p in odds), {}) for c in contents)
        return [_shared(one) for one in firsts]

    return say


def _shared(odds: Mapping[str, float]) -> tuple[Guess, ...]:
    total = sum(odds.values())
    order = sorted(odds, key=lambda label: -odds[label])
    return tuple(Guess(label, odds[label] / total) for label in order)


def _within(catalogue: CatalogueReader, scope: Scope) -> list[Content]:
    contents = catalogue.contents_after(0, scope.wanted)
    return [one for one in contents if any(scope.admits(path_of(file)) for file in one.files)]


def _guesses(found: Predictions, at: int) -> tuple[Guess, ...]:
    weights = dict(zip(found.modalities, found.weights[at].tolist(), strict=True))
    chances = found.probabilities[at].tolist()
    order = sorted(range(len(chances)), key=lambda one: -chances[one])
    return tuple(Guess(found.classes[one], chances[one], weights) for one in order)


def _predicted(
    contents: Sequence[Content], said: Mapping[int, tuple[Guess, ...]], scope: Scope
) -> Iterator[Predicted]:
    for one in contents:
        if said[one.id]:
            paths = sorted(filter(scope.admits, map(path_of, one.files)))
            yield Predicted(tuple(paths), one.modality, said[one.id])
