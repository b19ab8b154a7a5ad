"""`seehear similar`: more like this file."""

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import (
    InOption,
    JsonOption,
    LibraryOption,
    NullOption,
    PathsOption,
    TopOption,
    UnderOption,
)
from cli.commands.show import kinds, show
from cli.settings import read_settings
from cli.wiring import open_library


def command(
    file: Annotated[Path, typer.Argument(help="A picture, sound or text, indexed or not.")],
    wanted: InOption = "",
    top: TopOption = 10,
    under: UnderOption = None,
    paths: PathsOption = False,
    null: NullOption = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Find files like this one; with --in, of another kind: the sounds that fit a picture."""
    with open_library(read_settings(library)) as opened:
        result = opened.similar(file, modalities=kinds(wanted), under=under or [], k=top)
        show(result, opened.remarks, paths=paths, null=null, json=json)
