"""`seehear clusters`: what a library is about."""

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cli.commands.options import InOption, JsonOption, LibraryOption, UnderOption
from cli.commands.show import NOTHING_FOUND, kinds
from cli.render import console, path_json, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library

if TYPE_CHECKING:
    from engine.collect.clusters import Cluster


def command(
    wanted: InOption = "",
    under: UnderOption = None,
    count: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--count", min=1, help="How many groups; chosen by the files if not given."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Put like files together and name the groups; --json lists all files of each."""
    with open_library(read_settings(library)) as opened:
        found = opened.clusters(modalities=kinds(wanted), under=under or [], count=count)
    if json:
        print_json({"clusters": [_json(one) for one in found]})
    else:
        for one in found:
            _print(one)
    if not found:
        raise typer.Exit(NOTHING_FOUND)


def _print(one: "Cluster") -> None:
    out = console()
    counts = ", ".join(f"{number:,} {kind}" for kind, number in sorted(one.counts.items()))
    out.print(f"{one.name}  ({counts})", style="bold", markup=False)
    for path in one.examples:
        out.print(f"  {shown(path)}", markup=False)


def _json(one: "Cluster") -> dict[str, object]:
    return {
        "name": one.name,
        "size": len(one.files),
        "kinds": {kind.value: number for kind, number in one.counts.items()},
        "space": one.space,
        "examples": [path_json(path) for path in one.examples],
        "files": [path_json(path) for path in one.files],
    }
