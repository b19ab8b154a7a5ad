"""`seehear verify`: prove that the library is whole."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.options import JsonOption, LibraryOption
from cli.render import console, path_json, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library

if TYPE_CHECKING:
    from engine.library import Verdict
    from engine.store.reading import Reread

DAMAGED = 12
MEDIA_DAMAGED = 3


def command(
    library: LibraryOption = None,
    read_data: Annotated[
        bool,
        typer.Option("--read-data", help="Read all indexed files too, and compare their digests."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check every vector and every derived file against the catalogue."""
    with open_library(read_settings(library)) as opened:
        verdict = opened.verify(read_data=read_data)
    if json:
        _print_json(verdict)
    else:
        _print(verdict)
    if verdict.findings:
        raise typer.Exit(DAMAGED)
    if verdict.media and verdict.media.rotten:
        raise typer.Exit(MEDIA_DAMAGED)


def _print_json(verdict: "Verdict") -> None:
    told: dict[str, Any] = {"findings": list(verdict.findings), "vectors": verdict.vectors}
    media = verdict.media
    if media is not None:
        rotten = [{**path_json(path), "reason": why} for path, why in media.rotten]
        told |= {"read": media.read, "changed": media.changed, "rotten": rotten}
    print_json({**told, "sealed": verdict.sealed})


def _print(verdict: "Verdict") -> None:
    out = console()
    for finding in verdict.findings:
        out.print(f"  {finding}", style="red", markup=False)
    for root in verdict.unreachable:
        out.print(f"  {shown(root)} is not there now; its files were not looked at.", markup=False)
    if not verdict.sealed:
        out.print(
            "  The catalogue is being written, or a run was interrupted: only its vectors have "
            "checksums until `seehear index` has come to its end.",
            markup=False,
        )
    if verdict.media is not None:
        _print_media(verdict.media)
    if verdict.findings:
        out.print("Mend it with: seehear rebuild")
    else:
        out.print(f"All is well: {verdict.vectors:,} vectors, {verdict.snapshots} snapshots.")


def _print_media(media: "Reread") -> None:
    out = console()
    for path, why in media.rotten:
        out.print(f"  {shown(path)}: {why}", style="red", markup=False)
    changed = f"; {media.changed:,} changed or gone since" if media.changed else ""
    out.print(f"{media.read:,} files hold what was indexed{changed}.", markup=False)
