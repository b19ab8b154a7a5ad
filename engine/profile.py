"""A profile: encoders and bridges as a graph of spaces, and the routes through it."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.bridges import bridge
from engine.encode import encoder
from engine.errors import NoRouteError, UsageError
from engine.gallery import GalleryKey
from engine.ports import Alignment, Encoder
from engine.types import Modality

_REGISTRY = Path(__file__).with_name("profiles.toml")

DEFAULT = "starter"


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How a query term reaches a gallery: encoder, then perhaps a bridge.

    Attributes:
        encoder: takes the term's modality.
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
        registry = _registry()
        if name not in registry:
            known = ", ".join(registry)
            raise UsageError(f"There is no profile '{name}'.", hint=f"Known: {known}")
        row = registry[name]
        return cls(
            name,
            row["summary"],
            tuple(encoder(one) for one in row["encoders"]),
            tuple(bridge(one) for one in row["bridges"]),
        )

    def encoder_for(self, modality: Modality) -> Encoder | None:
        """The encoder that files of this modality are indexed with."""
        return next((e for e in self.encoders if e.modality is modality), None)

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids in models.lock of all that the profile needs, each once."""
        named = [one.weights for one in self.encoders] + [one.weights for one in self.bridges]
        return tuple(dict.fromkeys(model for models in named for model in models))

    @cached_property
    def galleries(self) -> tuple[GalleryKey, ...]:
        """Every gallery there is: each encoder's own, and one for each bridge out of its space."""
        own = [GalleryKey(e.modality, e.space, e.space) for e in self.encoders]
        bridged = [
            GalleryKey(e.modality, b.target, e.space, b)
            for e in self.encoders
            for b in self.bridges
            if b.source == e.space
        ]
        return (*own, *bridged)

    def route(self, asked: Modality, wanted: Modality) -> Route:
        """The way on which least is lost; NoRouteError when there is none."""
        ways = [
            Route(encoder, bridge, gallery)
            for encoder in self.encoders
            if encoder.modality is asked
            for bridge in (None, *(b for b in self.bridges if b.source == encoder.space))
            for gallery in self.galleries
            if gallery.modality is wanted
            and gallery.space == (encoder.space if bridge is None else bridge.target)
        ]
        if not ways:
            raise NoRouteError(asked, wanted, self.name)
        return min(ways, key=lambda way: way.loss)


def names() -> dict[str, str]:
    """Every profile of the registry with its summary."""
    return {name: row["summary"] for name, row in _registry().items()}


def _registry() -> dict[str, dict[str, str]]:
    with _REGISTRY.open("rb") as file:
        return tomllib.load(file)
