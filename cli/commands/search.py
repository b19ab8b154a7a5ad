"""`seehear search`: find files by words, pictures, sounds, or a mix."""

from typing import Annotated, Optional

import typer

from cli.commands.options import (
    AllOption,
    BalanceOption,
    ExplainOption,
    InOption,
    JsonOption,
    LibraryOption,
    MinOption,
    MomentsOption,
    NullOption,
    PathsOption,
    TopOption,
    UnderOption,
)
from cli.commands.show import Shown, kinds, listing, show
from cli.settings import read_settings
from cli.wiring import open_library
from engine.threads import no_blas_threads

_Many = Optional[list[str]]  # noqa: UP045  (typer prints Optional better)


def command(
    terms: Annotated[
        _Many, typer.Argument(metavar="[WORDS]...", help="What to look for; a file is one too.")
    ] = None,
    image: Annotated[
        _Many, typer.Option(metavar="FILE", help="A picture to search with; repeatable.")
    ] = None,
    audio: Annotated[
        _Many, typer.Option(metavar="FILE", help="A sound to search with; repeatable.")
    ] = None,
    video: Annotated[
        _Many, typer.Option(metavar="FILE", help="A video to search with; repeatable.")
    ] = None,
    text_file: Annotated[
        _Many, typer.Option(metavar="FILE", help="A text to search with; repeatable.")
    ] = None,
    without: Annotated[
        _Many,
        typer.Option(
            "--not",
            "--sub",
            "-x",
            metavar="WORDS",
            help="What to push away, or a file; repeatable.",
        ),
    ] = None,
    like: Annotated[
        _Many, typer.Option(metavar="FILE", help="More like this file or #id; repeatable.")
    ] = None,
    unlike: Annotated[
        _Many, typer.Option(metavar="FILE", help="Less like this file or #id; repeatable.")
    ] = None,
    wanted: InOption = "",
    top: TopOption = 10,
    under: UnderOption = None,
    everything: AllOption = False,
    least: MinOption = None,
    balance: BalanceOption = False,
    moments: MomentsOption = False,
    explain: ExplainOption = False,
    paths: PathsOption = False,
    null: NullOption = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Find pictures, sounds, videos and texts by words, by any of these, or by a mix of them.

    Words may hold signs, weights, quotes and conditions: 'beach - people after:2023 "red car"'.
    Files may say how much and which part: sunset.jpg:0.5, song.mp3@1:20-1:35, a.jpg#0,0,50%,50%.
    """
    settings = read_settings(library)
    no_blas_threads()
    from cli.asking import Asked, query_of
    from engine.types import Modality

    files = {
        Modality.IMAGE: image or [],
        Modality.AUDIO: audio or [],
        Modality.VIDEO: video or [],
        Modality.TEXT: text_file or [],
    }
    asked = Asked(terms or [], files, without or [], like or [], unlike or [])
    with open_library(settings) as opened:
        query = query_of(asked, opened)
        how = listing(top=top, everything=everything, least=least, balance=balance, moments=moments)
        result = opened.search(query, modalities=kinds(wanted), under=under or [], listing=how)
        show(result, opened.remarks, Shown(paths, null, json, explain))
