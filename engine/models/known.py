"""What a model consists of: what the shipped lock says, else its pins, else the user's folder."""

from engine.errors import ModelError
from engine.models import lock
from engine.models.folder import LICENCE, lock_folder
from engine.models.lock import LockedModel
from engine.models.pins import read_pins
from engine.models.registry import ModelRow, registry


def locked(model_id: str) -> LockedModel:
    """The files of a model and their hashes.

    Raises:
        ModelError: for an unknown id, a model of the hub that was never pulled (the hint says how
            to), or a folder that is refused.
    """
    model = entry(model_id)
    if not model.files:
        raise not_here(model)
    return model


def all_locked() -> tuple[LockedModel, ...]:
    """Every model that has weights: those of the lock in its order, then the registry's others.

    A model that nobody pinned yet, or whose folder is refused now, stands there without files.
    """
    shipped = lock.shipped()
    rows = registry().models
    others = [_or_empty(row) for row in rows.values() if row.source and row.id not in shipped]
    return (*(_pinned(model) for model in shipped.values()), *others)


def entry(model_id: str) -> LockedModel:
    """What is known of a model; without files while it is not pinned.

    Raises:
        ModelError: for an unknown id, or a folder that is refused.
    """
    shipped = lock.shipped()
    if model_id in shipped:
        return _pinned(shipped[model_id])
    check_known(model_id)
    return _from_row(registry().models[model_id])


def check_known(model_id: str) -> None:
    """ModelError for an id that neither the lock nor the registry has weights for."""
    shipped, rows = lock.shipped(), registry().models
    mine = [row.id for row in rows.values() if row.source]
    if model_id not in {*shipped, *mine}:
        known = ", ".join(dict.fromkeys([*shipped, *mine]))
        raise ModelError(f"There is no model '{model_id}'.", hint=f"Known: {known}.")


def known_files(model_id: str) -> LockedModel | None:
    """`locked`, but None where it has no files yet or its folder is refused."""
    check_known(model_id)
    try:
        return locked(model_id)
    except ModelError:
        return None


def not_here(model: LockedModel) -> ModelError:
    """The sentence for weights that are fetched when the user says so, and not before."""
    size = f" ({megabytes(model.download)})" if model.download else ""
    return ModelError(
        f"The weights of '{model.id}'{size} are not on this computer.",
        hint=f"Run: seehear models pull {model.id}",
    )


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.3g} MB"  # noqa: PLR2004


def _pinned(model: LockedModel) -> LockedModel:
    return model if model.files else read_pins(model) or model


def _from_row(row: ModelRow) -> LockedModel:
    scheme, _, place = row.source.partition(":")
    if scheme == "hub" and place:
        return _pinned(LockedModel(row.id, (), "", "", "", 0, row.adapter, place))
    if scheme in {"folder", "file"}:
        return lock_folder(row)
    raise ModelError(
        f"The model '{row.id}' has source '{row.source}', which seehear cannot read.",
        hint="It is folder:PATH or hub:OWNER/NAME@COMMIT.",
    )


def _or_empty(row: ModelRow) -> LockedModel:
    try:
        return _from_row(row)
    except ModelError:
        return LockedModel(row.id, (), LICENCE, "", "", 0, row.adapter, row.source)
