"""Labels for files that were never labelled: a word is given where it stands out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.collect.items import Scope, found_path
from engine.collect.words import routes_to, some_words, word_rows
from engine.errors import NoRouteError, UsageError
from engine.gallery import Gallery, GalleryKey
from engine.profile import Profile, Route
from engine.store.records import Found
from engine.types import Ids, Modality, Vectors

MOST_LABELS = 1_000

NONE_OF_THESE = 400
"""Words of the vocabulary that stand for all that a file may show beside the labels."""

NULL_QUANTILE = 0.95
"""A label is measured from the score that one in twenty of those words reaches at a file."""

PRIOR_FILES = 1_000
"""Files of a library at which a label's own mean counts as much as that of words in general."""

SLOPE, OFFSET = 1.0, -1.7
"""Of the logistic curve from distances to chances, fitted on half of the Tux Paint stamps with
their folders as labels; on the other half, chances said and found agree (docs/collections.md)."""

_SHARPEST = 30.0

Scores = npt.NDArray[np.float64]


class Shelves(Protocol):
    """What collections need of a library."""

    def gallery(self, key: GalleryKey) -> Gallery:
        """The gallery of that key, up to date."""
        ...

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        """Where vectors lead."""
        ...


@dataclass(frozen=True, slots=True)
class Label:
    """A word for a file, and the estimated chance that a person would say so, 0 to 1."""

    name: str
    chance: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file with its labels, likeliest first; perhaps none.

    Attributes:
        root: the indexed folder that holds it.
    """

    path: Path
    root: Path
    modality: Modality
    labels: tuple[Label, ...]


def checked_labels(names: Iterable[str]) -> tuple[str, ...]:
    """Names without blanks around them, each once; UsageError when there are none or too many."""
    kept = tuple(dict.fromkeys(" ".join(one.split()) for one in names if one.strip()))
    if not kept:
        raise UsageError("There are no labels.", hint="Give some: --labels cat,dog,bicycle")
    if len(kept) > MOST_LABELS:
        raise UsageError(f"At most {MOST_LABELS:,} labels can be given, not {len(kept):,}.")
    return kept


def label_files(
    profile: Profile,
    shelves: Shelves,
    scope: Scope,
    labels: Sequence[str],
    *,
    top: int | None = None,
    least: float = 0.5,
) -> tuple[Labelled, ...]:
    """Every file of a scope with the labels that fit it, in the order of paths.

    Args:
        profile: of the library.
        shelves: the library.
        scope: which files.
        labels: what to choose from.
        top: at most so many for a file; None for all.
        least: no label whose chance is smaller.
    """
    names = checked_labels(labels)
    ways = [(one, way) for one in sorted(scope.wanted) for way in routes_to(profile, one)]
    if not ways:
        raise NoRouteError(Modality.TEXT, " or ".join(sorted(scope.wanted)), profile.name)
    best: dict[tuple[Path, Path], tuple[Modality, Scores]] = {}
    for modality, way in ways:
        for place, chances in _chances(shelves, scope, way, names):
            known = best.get(place)
            both = chances if known is None else np.maximum(known[1], chances)
            best[place] = (modality, both)
    return tuple(
        Labelled(path, root, modality, _chosen(names, chances, top, least))
        for (path, root), (modality, chances) in sorted(best.items())
    )


def _chosen(
    names: Sequence[str], chances: Scores, top: int | None, least: float
) -> tuple[Label, ...]:
    order = np.argsort(-chances, kind="stable")[:top]
    return tuple(Label(names[n], float(chances[n])) for n in order if chances[n] >= least)


def _chances(
    shelves: Shelves, scope: Scope, way: Route, names: Sequence[str]
) -> Iterable[tuple[tuple[Path, Path], Scores]]:
    """The chance of each label, for every file that a route leads to."""
    gallery = shelves.gallery(way.gallery)
    ids = gallery.ids
    if not len(ids):
        return
    words = word_rows(way, [*names, *some_words(NONE_OF_THESE)])
    owners = defaultdict(list)
    for one in shelves.resolve(ids.tolist()):
        if not one.caption and scope.admits(found_path(one)):
            owners[one.content_id].append(one)
    contents, scores = _best_scores(gallery, ids, owners, words)
    chances = chances_of(scores[:, : len(names)], scores[:, len(names) :])
    for content, row in zip(contents, chances, strict=True):
        for place in {(found_path(one), one.root) for one in owners[content]}:
            yield place, row


def _best_scores(
    gallery: Gallery, ids: Ids, owners: dict[int, list[Found]], words: Vectors
) -> tuple[list[int], Scores]:
    """For each content, the best inner product of any of its segments with each word."""
    content_of = {one.vector_id: content for content, all_ in owners.items() for one in all_}
    kept = np.array([one for one in ids.tolist() if one in content_of], dtype=np.int64)
    place = {content: n for n, content in enumerate(sorted(owners))}
    scores = np.full((len(place), len(words)), -np.inf)
    for start in range(0, len(kept), 4096):
        part = kept[start : start + 4096]
        rows = [place[content_of[one]] for one in part.tolist()]
        np.maximum.at(scores, rows, gallery.rows(part) @ words.T)
    return sorted(owners), scores


def chances_of(labels: Scores, null: Scores) -> Scores:
    """The chance of each label at each file, (n, labels), from inner products.

    From each word its mean over the library is taken, or a word that is near to everything would
    be given to everything; while files are few, the mean of words in general. What is left is
    measured from what the words of `null` reach at the same file, and made a chance.

    Args:
        labels: of the files with the labels, (n, labels).
        null: of the files with words that stand for "none of these", (n, words).
    """
    if not len(labels):
        return labels
    middle, spread = null.mean(), max(float(null.std(axis=0).mean()), 1e-6)
    count = len(labels)

    def risen(scores: Scores) -> Scores:
        means = (count * scores.mean(axis=0) + PRIOR_FILES * middle) / (count + PRIOR_FILES)
        return np.asarray((scores - means) / spread)

    reached = np.quantile(risen(null), NULL_QUANTILE, axis=1)
    steps = np.clip(SLOPE * (risen(labels) - reached[:, None]) + OFFSET, -_SHARPEST, _SHARPEST)
    return np.asarray(1 / (1 + np.exp(-steps)))
