"""How search and similar print their result, and with which exit code they leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cli.render import print_hits, print_json, print_paths, print_remarks, result_json

if TYPE_CHECKING:
    from engine.result import SearchResult
    from engine.search import Listing

NOTHING_FOUND = 1


def kinds(wanted: str) -> set[str] | None:
    """The kinds that --in names; None for all."""
    named = {one.strip().lower() for one in wanted.split(",") if one.strip()}
    return named or None


@dataclass(frozen=True, slots=True)
class Shown:
    """In which form a result is printed."""

    paths: bool = False
    null: bool = False
    json: bool = False
    explain: bool = False


def listing(
    *,
    top: int,
    least: float | None,
    everything: bool = False,
    balance: bool = False,
    moments: bool = False,
) -> "Listing":
    """How the list is made; UsageError for a relevance that is none."""
    from engine.errors import UsageError
    from engine.search import LINE, Listing

    if least is not None and not 0 <= least <= 1:
        raise UsageError(
            f"--min {least:g} is no relevance.",
            hint="It is a chance from 0 (show everything) to 1; 0.9 where nothing is said.",
        )
    line = LINE if least is None else least
    return Listing(k=top, least=0.0 if everything else line, balance=balance, moments=moments)


def show(result: "SearchResult", remarks: Sequence[str], form: Shown) -> None:
    """Print in the form that was asked for; leave with 1 when there is no hit."""
    print_remarks(remarks)
    if form.json:
        print_json(result_json(result))
    elif form.paths or form.null:
        print_paths(result, null=form.null)
    else:
        print_hits(result, explain=form.explain)
    if not result.hits:
        raise typer.Exit(NOTHING_FOUND)
