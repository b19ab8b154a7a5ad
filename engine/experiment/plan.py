"""From a library and a file of judgements, or the library's captions, to what will be asked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.experiment.judgements import read_judgements
from engine.experiment.questions import (
    Asked,
    Shelf,
    from_captions,
    from_judgements,
    sampled,
)
from engine.library import Library
from engine.types import Modality


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The questions, and what the library holds."""

    asked: Asked
    shelf: Shelf


def plan(
    library: Library,
    file: Path | None,
    *,
    kinds: Collection[str] | None = None,
    under: Sequence[Path] = (),
    skip_missing: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> Plan:
    """Read the questions.

    Args:
        library: that they will be asked of.
        file: queries and relevant paths (`read_judgements`); None for captions beside media.
            Relative paths in it start from its folder, the current one, or a root.
        kinds: modalities that may be found; None for all.
        under: only files below these folders may be found.
        skip_missing: leave out paths that are not in the library.
        limit: at most so many questions of each direction.
        seed: of drawing them.

    Raises:
        UsageError: the file or its paths cannot be used, or there are no captions.
    """
    within = library.contents(kinds, under)  # an unknown kind is told here
    wanted = tuple(one for one in Modality if kinds is None or one in kinds)
    shelf = Shelf.of(library.contents(), within)
    if file is None:
        asked = from_captions(shelf, [one for one in wanted if one is not Modality.TEXT])
    else:
        table = read_judgements(file)
        bases = (file.absolute().parent, Path.cwd(), *library.status().roots)
        asked = from_judgements(table.rows, shelf, bases, wanted, skip_missing=skip_missing)
        if table.unused:
            note = f"Columns that were not used: {', '.join(table.unused)}."
            asked = replace(asked, notes=(*asked.notes, note))
    return Plan(asked if limit is None else sampled(asked, limit, seed), shelf)
