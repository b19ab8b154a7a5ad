"""`seehear index`: add folders and bring the library up to date."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from cli.commands.options import AcceptOption, JsonOption, LibraryOption, YesOption
from cli.render import print_remarks
from cli.settings import read_settings
from cli.wiring import give_way, open_library


def command(
    paths: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="[FOLDER]...", help="Folders to add; none: update all."),
    ] = None,
    library: LibraryOption = None,
    profile: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--profile", help="Models of a new library; see: seehear profiles"),
    ] = None,
    read_text: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option(
            "--read-text/--no-read-text", help="Find words in pictures and videos, from now on."
        ),
    ] = None,
    listen: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option("--listen/--no-listen", help="Find English words that are spoken, likewise."),
    ] = None,
    yes: YesOption = False,
    accept_licence: AcceptOption = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Let the library lie on a network file system, from now on."),
    ] = False,
    json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no report.")] = False,
) -> None:
    """Add folders to the library, and index what is new or changed in them."""
    from cli.choosing import choose_profile, exists
    from cli.progress import Bar
    from cli.report import print_report, report_json
    from engine.profile import Profile
    from engine.store.folder import CATALOGUE, require_new
    from engine.transcribe import transcriber
    from engine.types import Origin
    from indexer import index

    gc.enable()
    give_way()
    asked = {Origin.SEEN: read_text, Origin.HEARD: listen}
    words = {origin: on for origin, on in asked.items() if on is not None}
    for origin in (one for one, on in words.items() if on):
        transcriber(origin)  # a package that is missing leaves no library behind
    settings = read_settings(library, profile)
    is_new = not exists(settings.library / CATALOGUE)
    if is_new:
        require_new(settings.library)  # before any weights are fetched
    with Bar(silent=quiet or json) as bar:
        with bar.paused():
            chosen = choose_profile(
                settings, yes=yes, accept_licence=accept_licence, watch=bar.weights
            )
        if is_new and chosen and all(exists(path) for path in paths or []):
            Profile.load(chosen).prepare(bar.weights)  # what fails here leaves no library behind
        settings = replace(settings, profile=chosen)
        with open_library(settings, create=True, anywhere=force) as opened:
            report = index(
                opened, paths or [], watch=bar.files, watch_weights=bar.weights, words=words
            )
    print_remarks(opened.remarks)
    if json:
        report_json(report)
    elif not quiet:
        print_report(report, opened.path)
    if report.exit_code:
        raise typer.Exit(report.exit_code)
