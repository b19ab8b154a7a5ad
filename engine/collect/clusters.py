"""Groups of like files over a whole library, each with a name."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.arrays import unit_rows
from engine.collect.items import Rows, Scope, found_path, mean_rows
from engine.collect.labels import Shelves
from engine.collect.words import routes_to, vocabulary, word_rows
from engine.errors import NoRouteError, UsageError
from engine.profile import Profile, Route
from engine.types import Embeddings, Ids, Modality, Vectors

EXAMPLES = 3

MOST_CLUSTERS = 64

FEWEST_FILES = 4
"""Mean size of a cluster: so many files make one, when the number is chosen by the files."""

GAIN = 0.005
"""A larger number of clusters must separate the files better by so much."""

SAMPLE = 20_000
"""Rows that centres are fitted on; the others join the nearest."""

_ROUNDS = 25
_COUNTS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)
_WORDS_OF_A_NAME = 3
_OWN_WORD = 0.5
_WORD = re.compile(r"[^\W\d_]{3,}")
_SAY_NOTHING = frozenset(
    {
        *("and", "the", "for", "with", "from", "new", "old", "copy", "final", "version"),
        *("img", "dsc", "dscn", "scan", "clip", "rec", "voice", "memo", "take", "untitled"),
        *("image", "images", "picture", "pictures", "photo", "photos", "video", "videos"),
        *("audio", "sound", "sounds", "file", "files", "text", "texts"),
    }
)

Belongs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Files that are alike.

    Attributes:
        name: one to three words, with commas.
        space: where they are near each other.
        files: paths, the most typical first.
        counts: how many files of each modality.
    """

    name: str
    space: str
    files: tuple[Path, ...]
    counts: Mapping[Modality, int]

    @property
    def examples(self) -> tuple[Path, ...]:
        """The most typical files, at most three."""
        return self.files[:EXAMPLES]


@dataclass(frozen=True, slots=True, eq=False)
class _Shelf:
    """The contents of the modalities that meet words in one space.

    Attributes:
        route: on which words get there.
        rows: (n, dim), one for each content.
        paths: of the files of each.
        kinds: of each.
    """

    route: Route
    rows: Rows
    paths: tuple[tuple[Path, ...], ...]
    named: tuple[frozenset[str], ...]
    kinds: tuple[Modality, ...]


def find_clusters(
    profile: Profile, shelves: Shelves, scope: Scope, count: int | None = None
) -> tuple[Cluster, ...]:
    """The files of a scope in clusters, largest first; every file is in exactly one.

    Pictures, sounds and texts are put together where the profile has them meet words in one
    space; else each space has clusters of its own.

    Args:
        profile: of the library.
        shelves: the library.
        scope: which files.
        count: how many in each space, 1 to 64; None for the number that separates them best.
    """
    if count is not None and not 1 <= count <= MOST_CLUSTERS:
        raise UsageError(f"The number of clusters must be from 1 to {MOST_CLUSTERS}, not {count}.")
    found = [
        cluster
        for shelf in _shelves(profile, shelves, scope)
        for cluster in _clusters_of(shelf, count)
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.files), one.name)))


def _shelves(profile: Profile, shelves: Shelves, scope: Scope) -> list[_Shelf]:
    ways: dict[str, list[tuple[Modality, Route]]] = {}
    for modality in sorted(scope.wanted):
        routes = routes_to(profile, modality)
        if routes:  # of a film, what is seen counts
            ways.setdefault(routes[0].gallery.space.name, []).append((modality, routes[0]))
    if not ways:
        raise NoRouteError(Modality.TEXT, " or ".join(sorted(scope.wanted)), profile.name)
    made = [_shelf(shelves, scope, several) for _, several in sorted(ways.items())]
    return [one for one in made if one.paths]


def _shelf(shelves: Shelves, scope: Scope, ways: Sequence[tuple[Modality, Route]]) -> _Shelf:
    parts: list[Vectors] = []
    kinds: list[Modality] = []
    ids: list[int] = []
    paths: dict[int, set[Path]] = {}
    named: dict[int, set[str]] = {}
    for modality, way in ways:
        gallery = shelves.gallery(way.gallery)
        found = [
            one
            for one in shelves.resolve(gallery.ids.tolist())
            if not one.caption and scope.admits(found_path(one))
        ]
        for one in found:
            paths.setdefault(one.content_id, set()).add(found_path(one))
            inside = found_path(one).relative_to(one.root).with_suffix("")
            named.setdefault(one.content_id, set()).update(_words_in(str(inside)))
        rows = Embeddings(way.gallery.space, gallery.ids, gallery.rows(gallery.ids))
        means = mean_rows(rows, found, {one.content_id for one in found})
        parts.append(means.vectors)
        ids += means.ids
        kinds += [modality] * len(means.ids)
    return _Shelf(
        ways[0][1],
        Rows(tuple(ids), np.concatenate(parts)),
        tuple(tuple(sorted(paths[one])) for one in ids),
        tuple(frozenset(named[one]) for one in ids),
        tuple(kinds),
    )


def _words_in(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if word not in _SAY_NOTHING}


# --- grouping ----------------------------------------------------------------------------------


def grouped(rows: Vectors, count: int | None = None) -> tuple[Belongs, Vectors]:
    """Spherical k-means of unit rows (n, dim): the cluster of each, and the centres (k, dim).

    Without a count, the smallest one is taken that separates the rows about as well as any, by
    the simplified silhouette (Hruschka, de Castro and Campello 2004). The same rows always give
    the same clusters.
    """
    fitted_on = rows[_sample(len(rows))]
    if count is not None:
        centres = _centres(fitted_on, min(count, len(rows)))
    else:
        most = max(1, len(rows) // FEWEST_FILES)
        tried = [_centres(fitted_on, k) for k in _COUNTS if k <= most]
        centres = tried[0]
        reached = 0.0
        for one in tried[1:]:
            separation = silhouette(fitted_on, one)
            if separation > reached + GAIN:
                centres, reached = one, separation
    return np.argmax(rows @ centres.T, axis=1), centres


def silhouette(rows: Vectors, centres: Vectors) -> float:
    """How much nearer rows are to their own centre than to the next, -1 to 1."""
    away = np.sort(1 - rows @ centres.T, axis=1)[:, :2]
    return float(np.mean((away[:, 1] - away[:, 0]) / np.maximum(away[:, 1], 1e-9)))


def _sample(count: int) -> Ids:
    if count <= SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False))


def _centres(rows: Vectors, count: int) -> Vectors:
    """Centres (count, dim) by Lloyd's rounds from k-means++ (Arthur and Vassilvitskii 2007)."""
    centres = _first_centres(rows, count)
    belongs = np.full(len(rows), -1)
    for _ in range(_ROUNDS):
        nearest = np.argmax(rows @ centres.T, axis=1)
        if (nearest == belongs).all():
            break
        belongs = nearest
        sums = [rows[belongs == n].sum(axis=0) for n in range(count)]
        empty = np.bincount(belongs, minlength=count) == 0
        centres = np.where(empty[:, None], centres, unit_rows(np.array(sums)))
    return centres


def _first_centres(rows: Vectors, count: int) -> Vectors:
    random = np.random.default_rng(0)
    chosen = [int(random.integers(len(rows)))]
    away = np.maximum(1 - rows @ rows[chosen[0]], 0).astype(np.float64)
    while len(chosen) < count:
        total = away.sum()
        weights = away / total if total > 0 else None
        chosen.append(int(random.choice(len(rows), p=weights)))
        away = np.minimum(away, np.maximum(1 - rows @ rows[chosen[-1]], 0))
    return rows[chosen]


# --- names -------------------------------------------------------------------------------------


def _clusters_of(shelf: _Shelf, count: int | None) -> list[Cluster]:
    rows = shelf.rows.vectors
    belongs, centres = grouped(rows, count)
    present = [n for n in range(len(centres)) if (belongs == n).any()]
    fitting = _fitting_words(shelf, belongs, present)
    taken: set[str] = set()
    made = []
    for number in sorted(present, key=lambda n: -int((belongs == n).sum())):
        members = np.flatnonzero(belongs == number)
        typical = members[np.argsort(-(rows[members] @ centres[number]), kind="stable")]
        name = _name([*_own_words(shelf, members), *fitting[number]], taken)
        made.append(_cluster(shelf, name, typical.tolist()))
    return made


def _cluster(shelf: _Shelf, name: str, typical: Sequence[int]) -> Cluster:
    # Of files with the same bytes, one is shown before a second one is.
    first = [shelf.paths[n][0] for n in typical]
    others = [path for n in typical for path in shelf.paths[n][1:]]
    counts: Counter[Modality] = Counter()
    for n in typical:
        counts[shelf.kinds[n]] += len(shelf.paths[n])
    return Cluster(name, shelf.route.gallery.space.name, (*first, *others), dict(counts))


def _own_words(shelf: _Shelf, members: npt.NDArray[np.int64]) -> list[str]:
    """Words of names and folders that most of these files have, and few others."""
    here = Counter(word for n in members.tolist() for word in shelf.named[n])
    everywhere = Counter(word for words in shelf.named for word in words)
    harmony = {word: 2 * n / (len(members) + everywhere[word]) for word, n in here.items()}
    fitting = [word for word, value in harmony.items() if value >= _OWN_WORD and here[word] > 1]
    return sorted(fitting, key=lambda word: (-harmony[word], word))[:1]


def _fitting_words(shelf: _Shelf, belongs: Belongs, present: Sequence[int]) -> dict[int, list[str]]:
    """For each cluster, words of the vocabulary that fit it better than the others, best first."""
    words = vocabulary()
    vectors = word_rows(shelf.route, words)
    scores = shelf.rows.vectors @ vectors.T
    mean, spread = scores.mean(axis=0), scores.std(axis=0) + 1e-6
    return {
        number: [words[n] for n in np.argsort(-_rise(scores, belongs == number, mean, spread))[:12]]
        for number in present
    }


def _rise(
    scores: Vectors, inside: npt.NDArray[np.bool_], mean: Vectors, spread: Vectors
) -> Vectors:
    """How far words rise within a cluster above the library, weighed by how near they come."""
    within = scores[inside].mean(axis=0)
    near = within - within.mean()
    return np.asarray((within - mean) / spread + near / max(float(near.std()), 1e-6) / 2)


def _name(words: Sequence[str], taken: set[str]) -> str:
    """The first words that say different things; the first is no other cluster's first."""
    chosen: list[str] = []
    for word in words:
        if len(chosen) == _WORDS_OF_A_NAME:
            break
        if not chosen and word in taken:
            continue
        if not any(word.startswith(one[:4]) or one in word for one in chosen):
            chosen.append(word)
    taken.add(chosen[0] if chosen else "")
    return ", ".join(chosen) or "others"
