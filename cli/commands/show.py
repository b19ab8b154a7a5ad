"""How search and similar print their result, and with which exit code they leave."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cli.render import console, print_hits, print_json, print_paths, result_json

if TYPE_CHECKING:
    from engine.result import SearchResult

NOTHING_FOUND = 1


def kinds(wanted: str) -> set[str] | None:
    """The kinds that --in names; None for all."""
    named = {one.strip().lower() for one in wanted.split(",") if one.strip()}
    return named or None


def show(
    result: "SearchResult", remarks: Sequence[str], *, paths: bool, null: bool, json: bool
) -> None:
    """Print in the form that was asked for; leave with 1 when there is no hit."""
    for remark in remarks:
        console(stderr=True).print(f"Note: {remark}", markup=False)
    if json:
        print_json(result_json(result))
    elif paths or null:
        print_paths(result, null=null)
    else:
        print_hits(result)
    if not result.hits:
        raise typer.Exit(NOTHING_FOUND)
