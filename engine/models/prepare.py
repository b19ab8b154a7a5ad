"""From verified files to what the encoders load: converted and built once, in a child process."""

import shutil
from collections.abc import Callable
from pathlib import Path

from engine.errors import DiskFullError, ModelError
from engine.models.build import BUILDERS, PICKLED, READABLE, BuilderRow
from engine.models.cache import alone, folder_of, sync_folder
from engine.models.child import Outcome, run_module
from engine.models.convert import CONVERTER
from engine.models.known import known_files, locked
from engine.models.lock import LockedFile, LockedModel, shipped
from engine.models.progress import Progress, Step, Watcher, silent
from engine.models.receipt import Seal, Seals, add_seal, read_seals, seal, sha256_of, write_seals
from engine.models.resolve import fetch, is_fetched


def ready(model_id: str, *, progress: Watcher = silent) -> Path:
    """The folder that an encoder loads from: fetched, converted and built where that is to do.

    Returns:
        the built folder, or the folder of the verified files where nothing is built from them.

    Raises:
        ModelError: if a file cannot be had, is not what the lock says, or cannot be built from;
            a model of the hub that was not pulled is never fetched from here.
        UsageError: if the model is for research only, and nobody accepted that.
        DiskFullError: if the cache has no room left.
    """
    model = locked(model_id)
    row = builder_of(model)
    if row and _whole(built_folder(model, row)):
        return built_folder(model, row)
    folder = fetch(model_id, progress=progress)
    for file in model.files:
        if file.name.endswith(PICKLED):
            _converted(model, file, progress)
    return _built(model, row, progress) if row else folder


def is_ready(model_id: str) -> bool:
    """Whether `ready` would return at once, without fetching or building anything."""
    model = known_files(model_id)
    if model is None:
        return False
    row = builder_of(model)
    return _whole(built_folder(model, row)) if row else is_fetched(model_id)


def builder_of(model: LockedModel) -> BuilderRow | None:
    """The row of BUILDERS that builds a model; None for one that is used as it was fetched."""
    if model.builder and model.builder not in BUILDERS:
        raise ModelError(
            f"The model '{model.id}' has adapter '{model.builder}', which nothing here builds.",
            hint=f"These are known: {', '.join(BUILDERS)}.",
        )
    return BUILDERS.get(model.builder)


def built_folder(model: LockedModel, row: BuilderRow) -> Path:
    """Where the outcome of this version of the builder lies; it need not exist."""
    return folder_of(model) / f"built-{row.version}"


def _converted(model: LockedModel, file: LockedFile, progress: Watcher) -> None:
    source = folder_of(model) / file.name
    target = source.with_suffix(".safetensors")
    origin = f"{file.sha256} by converter {CONVERTER}"
    if _intact(target, read_seals(target.parent).get(target.name), origin):
        return
    with alone(model) as folder:
        target.unlink(missing_ok=True)
        outcome = run_module(
            "engine.models.convert",
            *(str(source), str(target)),
            tick=_ticker(Progress(model.id, Step.CONVERT, target.name, 0, file.size), progress),
            cwd=folder,
        )
        _check(outcome, model, f"{source} was refused")
        add_seal(folder, target.name, seal(target, origin=origin))
        sync_folder(folder)


def _built(model: LockedModel, row: BuilderRow, progress: Watcher) -> Path:
    done = built_folder(model, row)
    with alone(model) as folder:
        if _whole(done):
            return done
        shutil.rmtree(done, ignore_errors=True)
        part = done.with_name(f"{done.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            _build(model, row, part, progress)
            part.rename(done)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        sync_folder(folder)
    return done


def _build(model: LockedModel, row: BuilderRow, part: Path, progress: Watcher) -> None:
    folder = folder_of(model)
    outcome = run_module(
        "engine.models.build",
        *(row.module, str(folder), str(part)),
        tick=_ticker(Progress(model.id, Step.BUILD, model.id, 0, 0), progress),
        cwd=part,
    )
    _check(outcome, model, f"{model.id} could not be built")
    write_seals(part, _seal_all(part))


def _seal_all(folder: Path) -> Seals:
    paths = sorted(folder.iterdir())
    if wrong := [path.name for path in paths if path.suffix not in READABLE or path.is_symlink()]:
        raise ModelError(f"A builder made what is never read: {', '.join(wrong)}.")
    return {path.name: seal(path) for path in paths}


def _whole(folder: Path) -> bool:
    seals = read_seals(folder)
    return bool(seals) and all(_intact(folder / name, known) for name, known in seals.items())


def _intact(path: Path, known: Seal | None, origin: str = "") -> bool:
    if known is None or known.origin != origin or not path.exists():
        return False
    return known.holds(path) or sha256_of(path) == known.sha256


def _check(outcome: Outcome, model: LockedModel, sentence: str) -> None:
    if outcome.disk_full:
        raise DiskFullError(folder_of(model))
    if outcome.code != 0:
        ours = model.id in shipped()
        raise ModelError(
            f"{sentence}: {outcome.last_words}.",
            hint=(
                "The bytes are those of models.lock, so this is a fault of seehear: report it."
                if ours
                else "It may be of a kind that seehear does not know: see docs/models.md."
            ),
        )


def _ticker(now: Progress, progress: Watcher) -> Callable[[], None]:
    progress(now)
    return lambda: progress(now)
