"""The gate before weights that are for research only: the user says so once, and it is kept."""

from engine.errors import UsageError
from engine.models.cache import alone_on, shelf, write_whole
from engine.models.lock import LockedModel
from engine.models.registry import RESEARCH, registry

ACCEPTED = "licence-accepted.txt"


def is_accepted(model: LockedModel) -> bool:
    """Whether the model's licence asks for nothing, or was accepted."""
    row = registry().models.get(model.id)
    if row is None or row.licence != RESEARCH:
        return True
    return (shelf(model.id) / ACCEPTED).exists()


def check_licence(model: LockedModel, *, accept: bool = False) -> None:
    """UsageError unless the licence was accepted, now or before."""
    if is_accepted(model):
        return
    if not accept:
        name = f": {model.licence}" if model.licence else ""
        read = f"Read it at {model.homepage}. " if model.homepage else ""
        raise UsageError(
            f"The weights of '{model.id}' are for research only{name}.",
            hint=f"{read}To accept: seehear models pull {model.id} --accept-licence",
        )
    with alone_on(model.id) as folder:
        write_whole(folder / ACCEPTED, f"{model.licence or 'research only'}\n{model.homepage}\n")
