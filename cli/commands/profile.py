"""`seehear profile`: which profile a library uses, and moving it to another."""

import gc
from typing import Annotated

import typer

from cli.commands.options import AcceptOption, LibraryOption, YesOption
from cli.render import console, shown
from cli.settings import read_settings
from cli.wiring import give_way, open_library

_LISTED = 20
"""So many files are named; the others are counted."""

app = typer.Typer(invoke_without_command=True, no_args_is_help=False)


@app.callback()
def show(context: typer.Context, library: LibraryOption = None) -> None:
    """Show which profile the library uses, or move it to another."""
    if context.invoked_subcommand is not None:
        return
    with open_library(read_settings(library), any_encoders=True) as opened:
        out = console()
        out.print(f"{opened.profile.name}: {opened.profile.summary}", markup=False)
        for space in opened.profile.spaces.values():
            out.print(f"  {space.name}, {space.dim} components", style="dim", markup=False)
        for what, how in sorted(opened.makers().items()):
            out.print(f"  {what} computed by {how}", style="dim", markup=False)
        for remark in opened.remarks:
            out.print(f"  {remark}", style="yellow", markup=False)


@app.command("use")
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See: seehear profiles")],
    library: LibraryOption = None,
    yes: YesOption = False,
    accept_licence: AcceptOption = False,
    leave_missing: Annotated[
        bool,
        typer.Option("--leave-missing", help="Switch even if files are away; they come later."),
    ] = False,
) -> None:
    """Encode the whole library with another profile, then switch to it.

    Searching goes on with the old one meanwhile. Interrupted, the same command goes on from there.
    """
    from cli.choosing import have_weights
    from cli.progress import Bar
    from engine.models import registry
    from indexer import move

    gc.enable()
    give_way()
    registry().profile(name)  # an unknown name must not look like a missing library
    with (
        open_library(read_settings(library), any_encoders=True) as opened,
        Bar(silent=False) as bar,
    ):
        have_weights(name, yes=yes, watch=bar.weights, accept_licence=accept_licence)
        report = move(
            opened, name, watch=bar.files, watch_weights=bar.weights, leave_missing=leave_missing
        )
    out = console()
    if not report.switched:
        for path in report.missing[:_LISTED]:
            out.print(f"  not there {shown(path)}", style="yellow", markup=False)
        out.print(
            f"{len(report.missing):,} files are away, or were changed since; the library still "
            f"uses its old profile. Bring them back or run `seehear index`, then run this again; "
            f"or add --leave-missing.",
            markup=False,
        )
        raise typer.Exit(3)
    for skip in report.skipped[:_LISTED]:
        out.print(f"  skipped {shown(skip.path)}: {skip.reason}", style="yellow", markup=False)
    out.print(f"The library uses profile {name}; {report.encoded:,} files were encoded.")
    if report.skipped:
        raise typer.Exit(3)
