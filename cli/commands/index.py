"""`seehear index`: add folders and bring the library up to date."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from cli.commands.options import JsonOption, LibraryOption
from cli.settings import read_settings
from cli.wiring import open_library


def command(
    paths: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="[FOLDER]...", help="Folders to add; none: update all."),
    ] = None,
    library: LibraryOption = None,
    profile: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--profile", help="Models of a new library.", envvar="SEEHEAR_PROFILE"),
    ] = None,
    json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no report.")] = False,
) -> None:
    """Add folders to the library, and index what is new or changed in them."""
    from cli.progress import Bar
    from cli.report import print_report, report_json
    from indexer import index

    settings = read_settings(library, profile)
    settings = replace(settings, profile=profile or None) if profile else settings
    with open_library(settings, create=True) as opened, Bar(silent=quiet or json) as bar:
        report = index(opened, paths or [], watch=bar.files, watch_weights=bar.weights)
    if json:
        report_json(report)
    elif not quiet:
        print_report(report, opened.path)
    if report.skipped:
        raise typer.Exit(3)
