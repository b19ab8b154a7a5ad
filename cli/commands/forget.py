"""`seehear forget`: take files out of the library; they stay on disk."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import LibraryOption
from cli.render import console, shown
from cli.settings import read_settings
from cli.wiring import open_library


def command(
    path: Annotated[Path, typer.Argument(help="A folder or a file; it stays on disk.")],
    library: LibraryOption = None,
) -> None:
    """Forget a folder or a file; nothing on disk is touched."""
    with open_library(read_settings(library), any_encoders=True) as opened:
        count = opened.forget(path)
    console().print(
        f"Forgot {count:,} files of {shown(path)}; they are still on disk.", markup=False
    )
