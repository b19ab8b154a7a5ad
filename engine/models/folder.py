"""The user's own folder as a model: its files are named, refused or hashed, once per change."""

from pathlib import Path

from engine.errors import ModelError
from engine.models.cache import alone_on, shelf
from engine.models.lock import LockedFile, LockedModel
from engine.models.reading import CHECKPOINTS, chosen, plain_name, reading_of
from engine.models.receipt import Seals, read_seals, seal, write_seals
from engine.models.refusals import paths_in
from engine.models.registry import ModelRow

LICENCE = "unknown (your own folder)"
SEEN = "folder"
"""Where on the shelf the hashes of the user's files are kept."""


def lock_folder(row: ModelRow) -> LockedModel:
    """What the folder of a row holds now; a file with its old size and time is not read again.

    Raises:
        ModelError: if the folder is not there, lacks a file, or holds one that is refused.
    """
    root = _root(row)
    reading = reading_of(row.adapter, row.id)
    paths = paths_in(root, pickles=CHECKPOINTS if reading.checkpoint else ())
    taken = chosen(reading, paths, where=str(root))
    seals = _sealed(row.id, root, taken)
    files = tuple(
        LockedFile(
            plain_name(path), "folder", str(root), path, seals[path].size, seals[path].sha256
        )
        for path in taken
    )
    return LockedModel(row.id, files, LICENCE, f"files in {root}", "", 0, row.adapter)


def _root(row: ModelRow) -> Path:
    scheme, _, place = row.source.partition(":")
    root = Path(place).expanduser()
    if scheme == "file" or root.is_file():
        unknown = (
            "its preprocessing is unknown" if row.adapter == "openclip" else "no more is known"
        )
        raise ModelError(
            f"The model '{row.id}' is the single file {root}: {unknown}.",
            hint='Name a folder with its settings and tokenizer too: source = "folder:PATH".',
        )
    if not root.is_absolute():
        raise ModelError(f"The folder of '{row.id}', {root}, needs a path from the root.")
    if not root.is_dir():
        raise ModelError(f"There is no folder {root}.", hint="Put the folder there again.")
    return root


def _sealed(model_id: str, root: Path, paths: list[str]) -> Seals:
    known = read_seals(shelf(model_id) / SEEN)
    origin = str(root)

    def still(path: str) -> bool:
        return path in known and known[path].origin == origin and known[path].holds(root / path)

    seals = {p: known[p] if still(p) else seal(root / p, origin=origin) for p in paths}
    if seals != known:
        with alone_on(model_id) as folder:
            (folder / SEEN).mkdir(exist_ok=True)
            write_seals(folder / SEEN, seals)
    return seals
