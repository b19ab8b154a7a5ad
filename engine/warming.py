"""Loading the networks that a search by words will need, while the program is still starting."""

from contextlib import suppress
from pathlib import Path

from engine.encode import encoders
from engine.models import registry
from engine.store.peek import peek
from engine.types import Modality

_WORDS = "a few words"


def warm_words(library: Path) -> None:
    """Load and run the text towers of a library's profile once; meant for a thread of its own.

    What goes wrong here is not told: the search meets it too, and has the words for it.
    """
    with suppress(Exception):
        known = registry()
        name = peek(library / "catalogue.db", "profile")
        rows = known.profile(name).models if name else ()
        for model in rows:
            for encoder in encoders(known.model(model)):
                if encoder.modality is Modality.TEXT:
                    encoder.encode([encoder.prepare(_WORDS)])
