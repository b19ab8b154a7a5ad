"""What a classifier reads of a thing: its pictures, its sound, its text or caption, words in it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.arrays import places_of_all, unit_rows
from engine.errors import UsageError
from engine.library import Library
from engine.ports import Encoder
from engine.profile import Profile
from engine.search.example import MAX_PIECES
from engine.store.catalogue import CatalogueReader
from engine.store.records import Content, WordKind
from engine.teach.gather import rows_of
from engine.types import Ids, Modality, Space, Vectors


class Channel(StrEnum):
    """One of the modalities that a thing may have."""

    IMAGE = "image"
    """A picture, or the shots of a video."""
    AUDIO = "audio"
    """A recording, or the sound of a video."""
    TEXT = "text"
    """A text itself, or the captions and subtitles beside a medium."""
    HEARD = "heard"
    """Words that were recognised in a recording."""
    SEEN = "seen"
    """Words that were read in a picture."""


_ENCODED_AS = {Channel.IMAGE: Modality.IMAGE, Channel.AUDIO: Modality.AUDIO}
_WORDS = {Channel.HEARD: WordKind.HEARD, Channel.SEEN: WordKind.SEEN}
CHANNELS_OF = {
    Modality.IMAGE: (Channel.IMAGE,),
    Modality.AUDIO: (Channel.AUDIO,),
    Modality.VIDEO: (Channel.IMAGE, Channel.AUDIO),
    Modality.TEXT: (Channel.TEXT,),
}
"""What a medium has by itself."""


def encoders_of(profile: Profile) -> dict[Channel, Encoder]:
    """Which encoder each channel goes through: the profile's first of its modality."""
    first: dict[Modality, Encoder] = {}
    for one in profile.encoders:
        first.setdefault(one.modality, one)
    wanted = {channel: _ENCODED_AS.get(channel, Modality.TEXT) for channel in Channel}
    return {channel: first[kind] for channel, kind in wanted.items() if kind in first}


def chosen(encoders: Mapping[Channel, Encoder], names: Collection[str]) -> dict[Channel, Encoder]:
    """The channels of these names; all of them when no name is given.

    UsageError for a name that is no channel, or none of the profile.
    """
    known = ", ".join(encoders)
    for one in names:
        if one not in {channel.value for channel in encoders}:
            raise UsageError(f"There is nothing called '{one}' to use.", hint=f"Known: {known}.")
    return {one: encoder for one, encoder in encoders.items() if not names or one.value in names}


@dataclass(frozen=True, slots=True)
class Reading:
    """Where rows of contents come from.

    Attributes:
        catalogue: of the library.
        encoders: for each channel that is read.
    """

    library: Library
    catalogue: CatalogueReader
    encoders: Mapping[Channel, Encoder]

    def rows(self, contents: Sequence[Content]) -> dict[Channel, Vectors]:
        """For each channel a unit row of each content, float32 (n, dim); NaN where it has none."""
        return {one: self._rows(one, contents) for one in self.encoders}

    def _rows(self, channel: Channel, contents: Sequence[Content]) -> Vectors:
        space = self.encoders[channel].space
        if channel in _WORDS:
            found = self._words(channel, [one.id for one in contents])
        else:
            own = [one.id for one in contents if channel in CHANNELS_OF[one.modality]]
            found = self._means(own, space)
            if channel is Channel.TEXT:
                found |= self._captions([one.id for one in contents if one.id not in found], space)
        rows = np.full((len(contents), space.dim), np.nan, dtype=np.float32)
        for place, one in enumerate(contents):
            if one.id in found:
                rows[place] = found[one.id]
        return rows

    def _means(self, contents: Sequence[int], space: Space) -> dict[int, Vectors]:
        """The mean direction of each content's first `MAX_PIECES` segments."""
        windows = self.catalogue.windows(contents, space)
        first = _first_of_each(windows.contents, MAX_PIECES)
        stored = self.catalogue.vectors_with(windows.vectors[first], space)
        owners = windows.contents[places_of_all(windows.vectors, stored.ids)]
        return _mean_by(owners, stored.vectors)

    def _captions(self, media: Sequence[int], space: Space) -> dict[int, Vectors]:
        """The mean direction of the texts beside each medium."""
        pairs = self.catalogue.beside(media)
        texts = self._means([text for _, text in pairs], space)
        pairs = [pair for pair in pairs if pair[1] in texts]
        rows = [texts[text] for _, text in pairs]
        owners = np.array([medium for medium, _ in pairs], dtype=np.int64)
        return _mean_by(owners, np.array(rows, dtype=np.float32).reshape(len(rows), space.dim))

    def _words(self, channel: Channel, contents: Sequence[int]) -> dict[int, Vectors]:
        words = self.catalogue.words_found(contents, _WORDS[channel])
        found = rows_of(self.library, list(words.values()), self.encoders[channel])
        gone = {place for place, _ in found.missing}
        return {one: found.rows[at] for at, one in enumerate(words) if at not in gone}


def _first_of_each(owners: Ids, count: int) -> Ids:
    """Where the first `count` of each owner stand; owners stand together."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    place = np.arange(len(owners)) - np.repeat(starts, np.diff(starts, append=len(owners)))
    return np.asarray(np.flatnonzero(place < count), dtype=np.int64)


def _mean_by(owners: Ids, rows: Vectors) -> dict[int, Vectors]:
    """The mean direction of the rows (n, dim) of each owner (n,)."""
    ids, places = np.unique(owners, return_inverse=True)
    sums = np.zeros((len(ids), rows.shape[1]), dtype=np.float64)
    np.add.at(sums, places, rows)
    return dict(zip(ids.tolist(), unit_rows(np.asarray(sums, dtype=np.float32)), strict=True))
