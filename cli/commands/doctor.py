"""`seehear doctor`: is everything as it should be? It never downloads, and repairs nothing."""

import typer

from cli.commands.options import JsonOption, LibraryOption
from cli.settings import read_settings


def command(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Examine programs, library, models, decoders and encoders; say what helps where one fails."""
    from cli.checkup import print_sections, sections_json
    from engine.health import State, examine

    settings = read_settings(library)
    sections = examine(settings.library.absolute(), settings.preferred)
    found = sections_json(sections) if json else print_sections(sections)
    if State.WRONG in found:
        raise typer.Exit(4)
