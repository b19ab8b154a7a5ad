"""`seehear search`: find files by words, pictures, sounds, or a mix."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

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
from cli.wiring import files_among, open_library
from engine.threads import no_blas_threads

if TYPE_CHECKING:
    from engine.query import Query

_File = Optional[Path]  # noqa: UP045


def command(
    terms: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[WORDS]...", help="What to look for; a file is one too."),
    ] = None,
    image: Annotated[_File, typer.Option("--image", help="A picture to search with.")] = None,
    audio: Annotated[_File, typer.Option("--audio", help="A sound to search with.")] = None,
    video: Annotated[_File, typer.Option("--video", help="A video to search with.")] = None,
    text_file: Annotated[_File, typer.Option("--text-file", help="A text to search with.")] = None,
    wanted: InOption = "",
    top: TopOption = 10,
    under: UnderOption = None,
    paths: PathsOption = False,
    null: NullOption = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Find pictures, sounds, videos and texts by words, by any of these, or by a mix of them."""
    settings = read_settings(library)
    words, files = files_among(terms or [])
    no_blas_threads()
    files_by_kind = {"image": image, "audio": audio, "video": video, "text_file": text_file}
    query = _query(words, files, files_by_kind)
    with open_library(settings) as opened:
        result = opened.search(query, modalities=kinds(wanted), under=under or [], k=top)
        show(result, opened.remarks, paths=paths, null=null, json=json)


def _query(words: list[str], files: list[Path], given: dict[str, Path | None]) -> "Query":
    """The query of words, of files among them, and of files that options name by their kind."""
    from engine.errors import UsageError
    from engine.library import modality_of
    from engine.query import Query
    from engine.types import Modality

    for file in files:
        modality = modality_of(file)
        kind = "text_file" if modality is Modality.TEXT else modality.value
        if given[kind] is not None:
            raise UsageError(
                f"Only one {modality} can be searched with: {given[kind]} or {file}.",
                hint="Leave one out; for words that are also a file's name, write text:WORDS",
            )
        given[kind] = file
    return Query(
        text=" ".join(words) or None,
        image=given["image"],
        audio=given["audio"],
        video=given["video"],
        text_file=given["text_file"],
    )
