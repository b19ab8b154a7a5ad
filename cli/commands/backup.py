"""`seehear backup`: a copy of what cannot be made again."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import LibraryOption
from cli.render import console, shown
from cli.settings import read_settings
from cli.wiring import open_library


def command(
    folder: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    library: LibraryOption = None,
) -> None:
    """Copy the catalogue and what was taught to a new folder; indexing may go on meanwhile."""
    with open_library(read_settings(library), any_encoders=True) as opened:
        size = opened.back_up(folder)
    console().print(
        f"Copied {size / 1e6:,.1f} MB to {shown(folder)}, and checked the catalogue. "
        f"To get the library back: seehear restore {shown(folder)}",
        markup=False,
    )
