"""A profile: encoders and bridges as a graph of spaces, and the routes through it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from engine.bridges import BOTH_WAYS, bridges
from engine.encode import encoders
from engine.errors import NoRouteError, UsageError
from engine.gallery import GalleryKey
from engine.models import Progress, Step, Watcher, ready, registry, silent
from engine.ports import Alignment, Encoder, Rule, TextRule
from engine.types import Modality, Space

DEFAULT = "starter"

_SEEN_OR_HEARD_IN = {
    Modality.VIDEO: (Modality.IMAGE, Modality.AUDIO),
}
"""Whose encoders take the parts of a medium: a video is its pictures and its sound."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One way in which files of a modality are cut into segments, and who embeds these.

    Attributes:
        modality: of the files.
        encoders: all embed the same segments, each into its own space.
    """

    modality: Modality
    encoders: tuple[Encoder, ...]

    @property
    def rule(self) -> Rule:
        """How files are cut: so that every encoder reads the whole of a segment."""
        rules = [one.rule for one in self.encoders]
        texts = [rule for rule in rules if isinstance(rule, TextRule)]
        return min(texts, key=lambda rule: rule.max_characters) if texts else rules[0]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How a query term reaches a gallery: encoder, then perhaps a bridge.

    Attributes:
        encoder: takes the term's modality, or a part of it.
        bridge: from the encoder's space to the gallery's; None when they are the same.
        gallery: what is searched.
    """

    encoder: Encoder
    bridge: Alignment | None
    gallery: GalleryKey

    @property
    def loss(self) -> float:
        """How much the bridges between the two media lose; 0 where there is none."""
        return sum(b.loss for b in (self.bridge, self.gallery.bridge) if b is not None)


class Profile:
    """A named set of encoders and bridges; nothing is loaded until it is used."""

    def __init__(
        self, name: str, summary: str, encoders: tuple[Encoder, ...], bridges: tuple[Alignment, ...]
    ) -> None:
        self.name = name
        self.summary = summary
        self.encoders = encoders
        self.bridges = bridges

    @classmethod
    def load(cls, name: str) -> "Profile":
        """The profile of that name in the registry; UsageError when there is none."""
        known = registry()
        row = known.profile(name)
        ends = {end for one in row.bridges if BOTH_WAYS in one for end in one.split(BOTH_WAYS)}
        if not row.models or not ends <= set(row.models):
            wrong = ", ".join(sorted(ends - set(row.models))) or "none"
            raise UsageError(
                f"Profile '{name}' has no models, or bridges to others than its own ({wrong}).",
                hint="See docs/models.md",
            )
        return cls(
            name,
            row.summary,
            tuple(one for model in row.models for one in encoders(known.model(model))),
            tuple(one for name in row.bridges for one in bridges(name)),
        )

    def with_bridges(self, more: Iterable[Alignment]) -> "Profile":
        """The same with more bridges, which its library was taught."""
        return Profile(self.name, self.summary, self.encoders, (*self.bridges, *more))

    def tracks(self, modality: Modality) -> tuple[Track, ...]:
        """How files of a modality are indexed; empty when no encoder takes them.

        Texts are cut once for all encoders; each of the others cuts as it needs.
        """
        takers = self._takers(modality)
        if modality is Modality.TEXT:
            return (Track(modality, takers),) if takers else ()
        return tuple(Track(modality, (one,)) for one in takers)

    @property
    def modalities(self) -> frozenset[Modality]:
        """What can be indexed."""
        return frozenset(one for one in Modality if self._takers(one))

    @property
    def spaces(self) -> dict[str, Space]:
        """The spaces that hold the vectors of files, by name."""
        return {one.space.name: one.space for one in self.encoders}

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids in models.lock of all that the profile needs, each once."""
        named = [one.weights for one in self.encoders] + [one.weights for one in self.bridges]
        return tuple(dict.fromkeys(model for models in named for model in models))

    def prepare(self, watch: Watcher = silent) -> None:
        """Have everything at hand that the profile needs: fetched, built and fitted.

        ModelError for weights that must be asked for first: `seehear models pull`.
        """
        for model in self.weights:
            ready(model, progress=watch)
        for one in self.bridges:
            one.prepare(_fitting(one, watch))

    @cached_property
    def galleries(self) -> tuple[GalleryKey, ...]:
        """Every gallery that some question is best answered in."""
        own = [key for track in self._all_tracks() for key in self._galleries_of(track)]
        used = {
            way.gallery.name
            for asked in Modality
            for track in self._all_tracks()
            if (way := self._best_way(asked, track)) is not None
        }
        return tuple(key for key in own if key.name in used)

    def routes(self, asked: Modality, wanted: Modality) -> tuple[Route, ...]:
        """To each track of the wanted files the way on which least is lost.

        NoRouteError when there is no way to any.
        """
        ways = [self._best_way(asked, track) for track in self.tracks(wanted)]
        found = tuple(way for way in ways if way is not None)
        if not found:
            raise NoRouteError(asked, wanted, self.name)
        return found

    def _best_way(self, asked: Modality, track: Track) -> Route | None:
        ways = [
            Route(encoder, bridge, gallery)
            for encoder in self._takers(asked)
            for bridge in (None, *self._bridges_from(encoder))
            for gallery in self._galleries_of(track)
            if gallery.space == (encoder.space if bridge is None else bridge.target)
            if bridge is None or bridge is not gallery.bridge  # no detour to one's own kind
        ]
        return min(ways, key=lambda way: way.loss, default=None)

    def _takers(self, modality: Modality) -> tuple[Encoder, ...]:
        parts = _SEEN_OR_HEARD_IN.get(modality, (modality,))
        return tuple(one for one in self.encoders if one.modality in parts)

    def _all_tracks(self) -> Iterator[Track]:
        for modality in Modality:
            yield from self.tracks(modality)

    def _galleries_of(self, track: Track) -> Iterator[GalleryKey]:
        """Each encoder's own, and one for each bridge out of its space."""
        for encoder in track.encoders:
            yield GalleryKey(track.modality, encoder.space, encoder.space)
            for one in self._bridges_from(encoder):
                yield GalleryKey(track.modality, one.target, encoder.space, one)

    def _bridges_from(self, encoder: Encoder) -> tuple[Alignment, ...]:
        takes = (None, encoder.modality)
        return tuple(
            one for one in self.bridges if one.source == encoder.space and one.modality in takes
        )


def _fitting(bridge: Alignment, watch: Watcher) -> Callable[[int, int], None]:
    return lambda done, total: watch(Progress(bridge.target.name, Step.FIT, "", done, total))
