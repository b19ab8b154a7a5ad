"""What search needs of a library."""

from collections.abc import Sequence
from typing import Protocol

from engine.gallery import Gallery, GalleryKey
from engine.ports import Encoder
from engine.query import Term
from engine.store.records import Found, WordHit
from engine.store.windows import Windows
from engine.types import Ids, Modality, Space, Vectors


class Shelves(Protocol):
    """The galleries and the catalogue, as search sees them."""

    def gallery(self, key: GalleryKey) -> Gallery:
        """The gallery of that key, up to date."""
        ...

    def same_recording(self, term: Term) -> list[Found]:
        """Where the very recording that a term is occurs, with its span; the surest place first."""
        ...

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        """Where vectors lead."""
        ...

    def embed(self, term: Term, encoder: Encoder) -> Vectors:
        """The rows of a term, one for each of its pieces: shape (n, dim), n >= 0."""
        ...

    def vectors_of_files(self, file_ids: Ids, space: Space, modality: Modality) -> Ids:
        """Ids of the vectors of these files' contents, sorted."""
        ...

    def captions_of(self, file_ids: Ids) -> Ids:
        """The texts that describe these media, as file ids."""
        ...

    def windows(self, content_ids: Sequence[int], space: Space) -> Windows:
        """The segments of these contents that have vectors in a space, in order."""
        ...

    def newest(self, file_ids: Ids, limit: int) -> list[Found]:
        """These files, by when they were taken, else modified; the newest first."""
        ...

    def find_words(
        self, words: str, *, phrases: Sequence[str] = (), limit: int, among: Ids | None = None
    ) -> list[WordHit]:
        """Files in whose names, facts, captions and texts words are, best first."""
        ...
