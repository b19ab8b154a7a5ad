"""`seehear models`: weights on this computer: fetch, list, verify, remove, find them."""

from typing import Annotated, Optional

import typer

from cli.commands.options import AcceptOption, JsonOption
from cli.render import console, path_json, print_json, shown

app = typer.Typer(no_args_is_help=True)

_Names = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(metavar="[NAME]...", help="Models or profiles; see: seehear models list"),
]


@app.callback()
def group() -> None:
    """Fetch, list, verify and remove the weights of models."""


@app.command("list")
def listed(json: JsonOption = False) -> None:
    """List every model: its size, licence, whether it is here and checked."""
    rows = [_facts(one) for one in _with_weights()]
    if json:
        print_json({"models": rows})
        return
    out = console()
    for row in rows:
        state = "ready" if row["ready"] else "fetched" if row["fetched"] else "not here"
        out.print(
            f"{row['id']:<22} {row['size']:>8}  {state:<9} {row['licence']:<9} {row['summary']}",
            markup=False,
        )


@app.command("pull")
def pull(names: _Names = None, accept_licence: AcceptOption = False) -> None:
    """Download weights, check them, and prepare them for use; goes on where it was interrupted."""
    from cli.progress import Bar
    from engine import models

    ids = _ids(names or [])
    for one in ids:
        if accept_licence:
            models.accept_licence(one)
        models.check_consent(one)
    with Bar(silent=False) as bar:
        for one in ids:
            models.pull(one, progress=bar.weights, accept_licence=accept_licence)
            models.ready(one, progress=bar.weights)
    console().print(f"Ready: {', '.join(ids)}", markup=False)


@app.command("verify")
def verify(names: _Names = None) -> None:
    """Hash every file of the models that are here again; none named: all of them."""
    from cli.progress import Bar
    from engine import models

    ids = _ids(names) if names else [m for m in _with_weights() if models.is_fetched(m)]
    with Bar(silent=False) as bar:
        for one in ids:
            models.verify(one, progress=bar.weights)
            console().print(f"{one}: as it should be", markup=False)


@app.command("remove")
def remove(names: _Names = None) -> None:
    """Delete models from this computer; libraries made with them keep their vectors."""
    from cli.choosing import megabytes
    from engine import models

    for one in _ids(names or []):
        freed = models.remove(one)
        console().print(f"{one}: {megabytes(freed)} freed" if freed else f"{one}: was not here")


@app.command("path")
def path(name: Annotated[str, typer.Argument(metavar="NAME")], json: JsonOption = False) -> None:
    """Print the folder that a model lies in."""
    from engine import models

    folder = models.path_of(name)
    if json:
        print_json(path_json(folder))
    else:
        console().print(shown(folder), markup=False)


def _with_weights() -> list[str]:
    from engine import models

    return [row.id for row in models.registry().models.values() if row.adapter != "hashed"]


def _ids(names: list[str]) -> list[str]:
    """Models by their own names, and those of profiles, each once."""
    from engine import models
    from engine.errors import UsageError

    known = models.registry()
    if not names:
        raise UsageError("Which models?", hint="Name models or a profile: seehear models list")
    found: list[str] = []
    for name in names:
        found += known.profiles[name].models if name in known.profiles else [known.model(name).id]
    return list(dict.fromkeys(found))


def _facts_of_none(model: str) -> dict[str, str | bool | int]:
    """What is listed of a model whose row or folder is at fault."""
    none: dict[str, str | bool | int] = {"id": model, "bytes": 0, "size": "unknown"}
    return {**none, "fetched": False, "ready": False, "licence": "unknown"}


def _facts(model: str) -> dict[str, str | bool | int]:
    from cli.choosing import megabytes
    from engine import models
    from engine.errors import EngineError

    row = models.registry().model(model)
    size = models.size_of(model)
    try:
        fetched, ready = models.is_fetched(model), models.is_ready(model)
    except EngineError as error:
        return {**_facts_of_none(model), "summary": error.sentence}
    return {
        "id": model,
        "summary": row.summary,
        "bytes": size,
        "size": megabytes(size) if size else "unknown",
        "fetched": fetched,
        "ready": ready,
        "licence": row.licence,
    }
