"""`seehear similar`: more like this file, or like these."""

from typing import Annotated

import typer

from cli.commands.options import (
    ExplainOption,
    InOption,
    JsonOption,
    LibraryOption,
    MinOption,
    NullOption,
    PathsOption,
    TopOption,
    UnderOption,
)
from cli.commands.show import Shown, kinds, listing, show
from cli.settings import read_settings
from cli.wiring import open_library


def command(
    file: Annotated[
        list[str],
        typer.Argument(help="Pictures, sounds, videos, texts, indexed or not, or #ids of hits."),
    ],
    wanted: InOption = "",
    top: TopOption = 10,
    under: UnderOption = None,
    least: MinOption = None,
    explain: ExplainOption = False,
    paths: PathsOption = False,
    null: NullOption = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Find files like these; with --in, of another kind: the sounds that fit a picture.

    A part of a file is meant by song.mp3@1:20-1:35 or a.jpg#10%,20%,50%,50%.
    """
    from cli.asking import like_these

    with open_library(read_settings(library)) as opened:
        query = like_these(file, opened)
        how = listing(top=top, least=least or 0.0)
        result = opened.similar(query, modalities=kinds(wanted), under=under or [], listing=how)
        show(result, opened.remarks, Shown(paths, null, json, explain))
