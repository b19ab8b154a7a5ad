"""`seehear restore`: a library from its backup."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import LibraryOption
from cli.render import console, print_remarks, shown
from cli.settings import read_settings
from cli.wiring import open_library
from engine.errors import ModelError


def command(
    folder: Annotated[Path, typer.Argument(help="What `seehear backup` made.")],
    library: LibraryOption = None,
) -> None:
    """Make the library of a backup, where there is none; its catalogue is checked whole."""
    from engine.backup import restore

    settings = read_settings(library)
    restore(folder.expanduser().absolute(), settings.library.absolute())
    with open_library(settings, any_encoders=True) as opened:
        with suppress(ModelError), opened.writing(adopt=False) as writer:
            opened.publish(writer)
        print_remarks(opened.remarks)
        count = sum(opened.status().files.values())
    console().print(f"Restored {count:,} files to {shown(settings.library)}.", markup=False)
