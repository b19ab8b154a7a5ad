"""`seehear verify`: prove that the library is whole."""

import typer

from cli.commands.options import JsonOption, LibraryOption
from cli.render import console, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library

DAMAGED = 12


def command(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Check every vector and every derived file against the catalogue."""
    with open_library(read_settings(library)) as opened:
        verdict = opened.verify()
    if json:
        print_json({"findings": list(verdict.findings), "vectors": verdict.vectors})
    else:
        out = console()
        for finding in verdict.findings:
            out.print(f"  {finding}", style="red", markup=False)
        for root in verdict.unreachable:
            out.print(
                f"  {shown(root)} is not there now; its files were not looked at.", markup=False
            )
        if verdict.findings:
            out.print("Mend it with: seehear rebuild")
        else:
            out.print(f"All is well: {verdict.vectors:,} vectors, {verdict.snapshots} snapshots.")
    if verdict.findings:
        raise typer.Exit(DAMAGED)
