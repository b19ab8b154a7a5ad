"""`seehear dupes`: files that are there twice."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.lists import counting, print_bare, size_shown
from cli.commands.options import (
    InOption,
    JsonOption,
    LibraryOption,
    NullOption,
    PathsOption,
    UnderOption,
)
from cli.commands.show import NOTHING_FOUND, kinds
from cli.render import console, path_json, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library

if TYPE_CHECKING:
    from engine.collect.dupes import Dupes, Group


def command(
    wanted: InOption = "",
    under: UnderOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only files with the same bytes; nothing is decoded.")
    ] = False,
    similar: Annotated[
        bool, typer.Option("--similar", help="Show similar files too; they are no duplicates.")
    ] = False,
    paths: PathsOption = False,
    null: NullOption = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Find files with the same bytes, picture or recording; -l prints all copies but the best."""
    from engine.errors import UsageError

    if similar and (paths or null):
        raise UsageError(
            "-l and -0 list duplicates, and similar files are none.",
            hint="Leave out --similar, or look at them with --similar alone or with --json.",
        )
    progress = counting("pairs compared", silent=json or paths or null)
    with open_library(read_settings(library)) as opened, progress as saw:
        found = opened.dupes(
            modalities=kinds(wanted), under=under or [], exact=exact, similar=similar, saw=saw
        )
    if json:
        print_json(_json(found))
    elif paths or null:
        print_bare((copy.path for group in found.groups for copy in group.copies), null=null)
    else:
        _print(found)
    if not found.groups and not found.similar:
        raise typer.Exit(NOTHING_FOUND)


def _print(found: "Dupes") -> None:
    out, notes = console(), console(stderr=True)
    for group in (*found.groups, *found.similar):
        _print_group(group)
    copies = sum(len(group.copies) for group in found.groups)
    out.print(
        f"{copies:,} copies of {len(found.groups):,} files; without them "
        f"{size_shown(found.freed)} would be free. Nothing was deleted.",
        markup=False,
    )
    if found.unchecked:
        sentence = f"{len(found.unchecked):,} files are gone or were changed since: not compared."
        notes.print(f"Note: {sentence}", markup=False)


def _print_group(group: "Group") -> None:
    out = console()
    out.print(f"{shown(group.best)}  [{group.why}]", style="bold", markup=False)
    for path in group.companions:
        out.print(f"  belongs to it: {shown(path)}", style="dim", markup=False)
    for copy in group.copies:
        line = f"  {copy.level}: {shown(copy.path)}  {size_shown(copy.size)}"
        out.print(line, markup=False)


def _json(found: "Dupes") -> dict[str, Any]:
    return {
        "groups": [_group_json(group) for group in found.groups],
        "similar": [_group_json(group) for group in found.similar],
        "freed_bytes": found.freed,
        "unchecked": [path_json(path) for path in found.unchecked],
    }


def _group_json(group: "Group") -> dict[str, Any]:
    copies = [
        {**path_json(copy.path), "level": copy.level.value, "bytes": copy.size}
        for copy in group.copies
    ]
    return {
        "level": group.level.value,
        "modality": group.modality.value,
        "best": path_json(group.best),
        "why": group.why,
        "copies": copies,
        "companions": [path_json(path) for path in group.companions],
        "freed_bytes": group.freed,
    }
