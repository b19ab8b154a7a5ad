"""Teaches a library which things belong together: from a person's pairs to a judged bridge."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.align.choose import choose
from engine.align.pairs import Pairs, PairsError
from engine.align.report import Report, named
from engine.bridges import anchoring, kept
from engine.bridges.taught import NATIVE, Before, End, Taught, arrived_before
from engine.errors import MediaError, NoRouteError, UsageError
from engine.library import Library
from engine.ports import Encoder
from engine.profile import Profile, Route
from engine.search.example import modality_of
from engine.search.searcher import centre_of
from engine.teach.gather import Gathered, rows_of
from engine.teach.tables import Item, Pair
from engine.types import Modality, Vectors

Saw = Callable[[str, int, int], None]
"""Told of progress: what is done, how many of how many."""

AUTO, HELPS = "auto", "helps"


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What came of teaching.

    Attributes:
        taught: the bridge, kept in the library and not yet in use; None where the way that was
            there before is as good.
        report: what was measured, as JSON, with a sentence for each pair that was left out.
    """

    taught: Taught | None
    report: Mapping[str, Any]

    @property
    def helps(self) -> bool:
        """Whether it was shown to be better than what was there before."""
        return self.taught is not None and self.report.get("verdict") == HELPS


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One side of all pairs: what it is, who embeds it, and its rows."""

    end: End
    encoder: Encoder
    items: tuple[Item, ...]
    found: Gathered


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a bridge is fitted.

    Attributes:
        methods: names of `engine.align.aligner.METHODS`, or ``auto`` for all that fit.
        left: name of the space that the left side is compared in; None for that of the first
            encoder that takes it.
        right: the same of the right side.
        with_anchors: whether what is known of both spaces without the pairs is pooled with them.
        seed: of folds and resampling.
    """

    methods: tuple[str, ...] = (AUTO,)
    left: str | None = None
    right: str | None = None
    with_anchors: bool = True
    seed: int = 0


def teach(
    library: Library,
    pairs: Sequence[Pair],
    name: str,
    recipe: Recipe | None = None,
    saw: Saw = lambda _what, _done, _total: None,
) -> Lesson:
    """Fit a bridge between the two sides of pairs, judge it, and keep it if it is worth keeping.

    Args:
        library: whose encoders are joined; files need not be indexed.
        pairs: left and right, each all of one kind of medium.
        name: of the bridge; one of that name is replaced.
        recipe: how it is fitted.
        saw: told of progress.

    Raises:
        PairsError: too few pairs are left, or one side says the same of everything.
        UsageError: a side mixes media, both are the same, or a space or method is unknown.
    """
    recipe = recipe or Recipe()
    kept.checked_name(name)
    left = _side(library, [one.left for one in pairs], recipe.left, "left", saw)
    right = _side(library, [one.right for one in pairs], recipe.right, "right", saw)
    left_out = _left_out(pairs, (left, right))
    used = _used(left, right, left_out)
    rows = Pairs.of(
        left.found.rows[used], right.found.rows[used], _groups(library, [pairs[at] for at in used])
    )
    anchors = _anchors(library, left, right, saw) if recipe.with_anchors else None
    before = _before(library, left.encoder, right.encoder, rows)
    chosen = choose(
        rows,
        anchors=anchors,
        base=before.rows if before is not None else None,
        methods=AUTO if AUTO in recipe.methods else recipe.methods,
        seed=recipe.seed,
        saw=lambda n, of: saw("trying methods", n, of),
    )
    report = {
        **_named(chosen.report, left, right, used),
        "name": name,
        "ends": [_told(one.end) for one in (left, right)],
        "left_out": left_out,
    }
    taught = None
    if chosen.blend > 0 and chosen.report.verdict == HELPS:
        taught = kept.keep(
            library.path / kept.FOLDER,
            name,
            (left.end, right.end),
            chosen.bridge.reporting(report),
            chosen.blend,
            before.ways if before is not None else None,
        )
    return Lesson(taught, report)


def _used(left: _Side, right: _Side, left_out: Sequence[str]) -> list[int]:
    """The numbers of the pairs that have a row on both sides."""
    if left.end == right.end:
        raise UsageError(
            f"Both sides are {left.end.modality} in the space {left.end.space.name}, "
            "so there is nothing to bridge.",
            hint="Pair things of two kinds, or choose two spaces with --from and --to.",
        )
    whole = [np.isfinite(side.found.rows).all(axis=1) for side in (left, right)]
    used: list[int] = np.flatnonzero(whole[0] & whole[1]).tolist()
    if not used:
        raise PairsError(
            "None of the pairs can be used.", hint=left_out[0] if left_out else "See the table."
        )
    return used


def _anchors(library: Library, left: _Side, right: _Side, saw: Saw) -> Pairs | None:
    return anchoring.anchors(
        left.encoder,
        right.encoder,
        library.untaught.encoders,
        lambda n, of: saw("reading anchors", n, of),
    )


def _side(
    library: Library, items: Sequence[Item], space: str | None, which: str, saw: Saw
) -> _Side:
    modality = _modality(items, which)
    encoder = _encoder(library.untaught, modality, space)
    found = rows_of(library, items, encoder, lambda n, of: saw(f"reading the {which} side", n, of))
    return _Side(End(encoder.space, encoder.modality), encoder, tuple(items), found)


def _modality(items: Sequence[Item], which: str) -> Modality:
    """What all items of a side are; those that cannot be read are no matter here."""
    first: dict[Modality, Item] = {}
    for item in items:
        try:
            first.setdefault(Modality.TEXT if isinstance(item, str) else modality_of(item), item)
        except (MediaError, UsageError):  # told with the pairs that are left out
            continue
    if not first:
        raise PairsError(f"Nothing on the {which} side can be read.", hint="Check the paths.")
    if len(first) > 1:
        told = ", ".join(f"{kind} ({item})" for kind, item in first.items())
        raise UsageError(
            f"The {which} side mixes {told}.",
            hint="Put one kind of medium in each column; of captions, choose one with --in.",
        )
    return next(iter(first))


def _encoder(profile: Profile, modality: Modality, space: str | None) -> Encoder:
    """The first encoder that takes a modality, or that of a space."""
    takers = [one for track in profile.tracks(modality) for one in track.encoders]
    known = ", ".join(one.space.name for one in takers)
    if not takers:
        raise UsageError(
            f"The profile '{profile.name}' has no encoder for {modality}.",
            hint="See which profiles have: seehear profiles",
        )
    for one in takers:
        if space in {None, one.space.name}:
            return one
    raise UsageError(f"Nothing puts {modality} into a space '{space}'.", hint=f"Known: {known}.")


def _groups(library: Library, pairs: Sequence[Pair]) -> list[Hashable]:
    """For each pair its group: those that share a file's bytes or a named group are one.

    Words that stand twice join nothing: a label is met again by new things, and is then known.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    marks: dict[Hashable, int] = {}
    edges: list[tuple[int, int]] = []
    for at, one in enumerate(pairs):
        files = [item for item in (one.left, one.right) if isinstance(item, Path)]
        own: list[Hashable] = [library.digest_of(file) for file in files]
        own += [("group", one.group)] if one.group else []
        edges += [(at, marks.setdefault(mark, len(marks))) for mark in own]
    size = len(pairs) + len(marks)
    starts, ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(len(edges)), (starts, len(pairs) + ends)), shape=(size, size))
    _, parts = connected_components(links, directed=False)
    return [int(part) for part in parts[: len(pairs)]]


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """How both sides met until now: over what, from which means, and where the pairs arrived."""

    ways: tuple[Before, Before]
    rows: tuple[Vectors, Vectors]


def _before(library: Library, left: Encoder, right: Encoder, pairs: Pairs) -> _Way | None:
    """The way on which the right side asks for the left; None where there is none."""
    profile = library.untaught
    try:
        routes = profile.routes(right.modality, left.modality)
    except NoRouteError:
        return None
    for route in routes:
        if (route.encoder, route.gallery.native) == (right, left.space):
            return _way(library, route, pairs)
    return None


def _way(library: Library, route: Route, pairs: Pairs) -> _Way:
    asking = centre_of(route, library.untaught, library)
    asked = library.gallery(route.gallery).taken
    zeros = np.zeros(route.gallery.space.dim, np.float32)
    sides = (
        (pairs.left, route.gallery.bridge, asked),
        (pairs.right, route.bridge, zeros if asking is None else asking),
    )
    first, second = (
        (
            Before(NATIVE if over is None else over.fingerprint, mean),
            arrived_before(rows, over, mean),
        )
        for rows, over, mean in sides
    )
    return _Way((first[0], second[0]), (first[1], second[1]))


def _left_out(pairs: Sequence[Pair], sides: Sequence[_Side]) -> list[str]:
    """A sentence for each pair of which one side cannot be used."""
    why: dict[int, str] = {}
    for side in sides:
        for at, reason in side.found.missing:
            why.setdefault(at, reason)
    return [f"Line {pairs[at].line}: {reason}" for at, reason in sorted(why.items())]


def _told(end: End) -> dict[str, str]:
    return {"modality": end.modality.value, "space": end.space.name}


def _named(report: Report, left: _Side, right: _Side, used: Sequence[int]) -> dict[str, Any]:
    """The report with what its sides and examples are instead of their numbers."""

    def name(side: _Side, at: int) -> str:
        item = side.items[used[at]]
        return item.name if isinstance(item, Path) else item

    kinds = (_plural(left.end.modality), _plural(right.end.modality))
    return named(report.told(), kinds, lambda at: (name(left, at), name(right, at)))


def _plural(modality: Modality) -> str:
    return {Modality.IMAGE: "pictures", Modality.AUDIO: "sounds"}.get(modality, "words")
