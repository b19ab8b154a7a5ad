"""Pairs that a library has already: media, and the captions that lie beside them."""

from collections.abc import Collection

from engine.errors import UsageError
from engine.experiment.questions import Shelf, captioned, words_of
from engine.library import Library
from engine.teach.tables import Pair
from engine.types import Modality


def caption_pairs(library: Library, modalities: Collection[str] | None = None) -> tuple[Pair, ...]:
    """Every indexed medium with the words of the `.txt` beside it, in the order of paths.

    Args:
        library: where both are indexed.
        modalities: of the media; None for all.

    Raises:
        UsageError: no medium has a caption that can be read.
    """
    everything = library.contents()
    shelf = Shelf.of(everything, library.contents(modalities))
    found = sorted(
        (shelf.path(media), words)
        for caption, media in captioned(shelf)
        if shelf.finds(media, Modality) and (words := words_of(shelf.contents[caption]))
    )
    if not found:
        raise UsageError(
            "No captions were found: no .txt with words lies beside an indexed file of its name.",
            hint="Give a table of pairs: seehear align fit --pairs FILE",
        )
    return tuple(Pair(path, words, "", at) for at, (path, words) in enumerate(found, 1))
