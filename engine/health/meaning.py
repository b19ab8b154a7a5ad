"""Every encoder of a profile, tried on samples: do its vectors hold, and do they mean something?"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine import models
from engine.arrays import unit_rows
from engine.errors import EngineError
from engine.health.finding import Finding, State, tried
from engine.media.pieces import pieces
from engine.models import registry
from engine.ports import Encoder, Payload
from engine.profile import Profile, Route
from engine.types import Modality, Vectors

SAMPLES = Path(__file__).parent / "samples"

CERTAIN = frozenset({"starter"})
"""Profiles of which it is known that a sample's own words are nearer to it than the other's."""

_TWICE = 1e-5
"""How far the cosine of the same sample, encoded twice, may be from 1 (`engine.ports.Encoder`)."""

_LENGTH = 1e-3


class _Sample(NamedTuple):
    """A sample, and words that say what it is."""

    of: str
    words: str


_SAMPLES = {
    Modality.IMAGE: (
        _Sample("panda.jpg", "a giant panda"),
        _Sample("windmill.jpg", "a windmill in a field"),
    ),
    Modality.AUDIO: (_Sample("birds.ogg", "birds singing"), _Sample("bell.ogg", "a bell ringing")),
    Modality.TEXT: (
        _Sample("Mix flour, butter and apples, and bake the cake.", "a recipe for apple pie"),
        _Sample("The night train crosses the mountains.", "a railway journey in the dark"),
    ),
}
_FORMATS = {Modality.IMAGE: "jpeg", Modality.AUDIO: "ogg"}


class _IllError(EngineError):
    """An encoder gives what it should not."""


def encoders(name: str) -> Iterator[Finding]:
    """One finding for each encoder of a profile; nothing is fetched or built for it."""
    if lacking := [one for one in Profile.load(name).weights if not models.is_ready(one)]:
        yield Finding(
            f"profile {name}", f"not ready: {', '.join(lacking)}", State.NOTE, _hint(name)
        )
        return
    profile = Profile.load(name)
    for one in profile.encoders:
        label = f"{one.space.name}, {_PLURAL[one.modality]}"
        yield tried(label, Trial(profile, one, label).told)


_PLURAL = {
    Modality.IMAGE: "pictures",
    Modality.AUDIO: "sounds",
    Modality.TEXT: "texts",
}


def _hint(name: str) -> str:
    if any(models.must_be_pulled(one) for one in registry().profile(name).models):
        return f"seehear models pull {name}"
    return f"seehear models pull {name}   (or it is done at the first: seehear index FOLDER)"


@dataclass(frozen=True, slots=True)
class Trial:
    """One encoder under trial."""

    profile: Profile
    encoder: Encoder
    label: str

    def told(self) -> Finding:
        """What came out; raises when the vectors are not what the law says."""
        samples = _SAMPLES[self.encoder.modality]
        rows = [self._row(_payload(self.encoder, one)) for one in samples]
        self._check(rows, [self._row(_payload(self.encoder, one)) for one in samples])
        sound = f"vectors hold ({self.encoder.describe()})"
        if self.profile.name not in CERTAIN:
            return Finding(self.label, f"{sound}; meaning is not tried")
        nearer = _nearness(self._route(), rows, [one.words for one in samples])
        if (nearer.diagonal() <= np.fliplr(nearer).diagonal()).any():
            told = f"its vectors mean nothing: {nearer.round(3).tolist()}"
            return Finding(self.label, told, State.WRONG, _mend(self.encoder))
        return Finding(self.label, f"{sound}; so does their meaning")

    def _row(self, payload: Payload) -> Vectors:
        return self.encoder.encode([self.encoder.prepare(payload)])

    def _check(self, rows: list[Vectors], again: list[Vectors]) -> None:
        once, twice = np.concatenate(rows), np.concatenate(again)
        hint = _mend(self.encoder)
        if once.shape != (len(rows), self.encoder.space.dim):
            raise _IllError(f"its vectors have shape {once.shape}", hint=hint)
        if not np.isfinite(once).all():
            raise _IllError("its vectors are not finite", hint=hint)
        if (abs(np.linalg.norm(once, axis=1) - 1) > _LENGTH).any():
            raise _IllError("its vectors are not of unit length", hint=hint)
        if (1 - (once * twice).sum(axis=1) > _TWICE).any():
            raise _IllError("the same sample gives another vector the second time", hint=hint)

    def _route(self) -> Route:
        """The way on which words reach what this encoder makes."""
        ways = self.profile.routes(Modality.TEXT, self.encoder.modality)
        return next(one for one in ways if one.gallery.native == self.encoder.space)


def _mend(encoder: Encoder) -> str:
    return f"seehear models verify {' '.join(encoder.weights)}" if encoder.weights else ""


def _payload(encoder: Encoder, sample: _Sample) -> Payload:
    if encoder.modality is Modality.TEXT:
        return sample.of
    path = SAMPLES / sample.of
    return next(pieces(path, _FORMATS[encoder.modality], encoder.rule)).payload


def _nearness(route: Route, rows: list[Vectors], words: list[str]) -> Vectors:
    """Cosines of each sample (rows) with the words of each."""
    there = np.concatenate(rows)
    if route.gallery.bridge is not None:
        there = unit_rows(route.gallery.bridge.apply(there) - route.gallery.bridge.prior_mean)
    prepared = [route.encoder.prepare(one) for one in words]
    asked = route.encoder.encode(prepared)
    if route.bridge is not None:
        asked = route.bridge.apply(asked) - route.bridge.prior_mean
    elif route.gallery.bridge is not None:
        asked = asked - route.gallery.bridge.query_mean
    return np.asarray(there @ unit_rows(asked).T)
