"""`seehear tag`: labels for files, chosen from those that are given."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cli.commands.options import InOption, JsonOption, LibraryOption, UnderOption
from cli.commands.show import NOTHING_FOUND, kinds
from cli.render import console, path_json, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.collect.labels import Labelled


def command(
    labels: Annotated[
        str, typer.Option("--labels", metavar="A,B,C", help="What to choose from.")
    ] = "",
    labels_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--labels-file", help="A text with one label on each line."),
    ] = None,
    wanted: InOption = "",
    under: UnderOption = None,
    top: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("-k", "--top", min=1, help="At most so many for a file, however unlikely."),
    ] = None,
    least: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option("--min", min=0, max=1, help="No label less likely (0.5, or 0 with --top)."),
    ] = None,
    export: Annotated[
        str, typer.Option("--export", help="csv, jsonl, or xmp:FOLDER for sidecars there.")
    ] = "",
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Label every file with those of the given words that stand out; files are never changed."""
    names = [*labels.split(","), *_lines(labels_file)]
    form, folder = _form(export)
    likely = least if least is not None else (0.0 if top else 0.5)
    with open_library(read_settings(library)) as opened:
        files = opened.tag(
            names, modalities=kinds(wanted), under=under or [], top=top, least=likely
        )
    _show(files, form, folder, json=json)
    if not any(one.labels for one in files):
        raise typer.Exit(NOTHING_FOUND)


def _lines(file: Path | None) -> list[str]:
    from engine.errors import UsageError

    if file is None:
        return []
    try:
        return file.expanduser().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The labels in {file} cannot be read: {error}.") from error


def _form(export: str) -> tuple[str, Path | None]:
    from engine.errors import UsageError

    form, _, place = export.partition(":")
    form = {"json": "jsonl"}.get(form.lower(), form.lower())
    if form not in {"", "csv", "jsonl", "xmp"} or bool(place) != (form == "xmp"):
        raise UsageError(
            f"Labels cannot be exported as '{export}'.",
            hint="Choose csv, jsonl (both to standard output), or xmp:FOLDER",
        )
    return form, Path(place).expanduser().absolute() if place else None


def _show(files: "Sequence[Labelled]", form: str, folder: Path | None, *, json: bool) -> None:
    from engine.collect import export

    if folder is not None:
        count = export.write_sidecars(files, folder)
        console(stderr=True).print(f"{count:,} sidecars in {shown(folder)}", markup=False)
    if form in {"csv", "jsonl"}:
        sys.stdout.write(export.as_csv(files) if form == "csv" else export.as_json_lines(files))
        sys.stdout.flush()
    elif json:
        print_json({"files": [_json(one) for one in files]})
    elif folder is None:
        _print(files)


def _json(one: "Labelled") -> dict[str, object]:
    labels = [{"label": label.name, "chance": round(label.chance, 3)} for label in one.labels]
    return {**path_json(one.path), "modality": one.modality.value, "labels": labels}


def _print(files: "Sequence[Labelled]") -> None:
    out = console()
    for one in files:
        if one.labels:
            named = ", ".join(f"{label.name} {label.chance:.0%}" for label in one.labels)
            out.print(f"{shown(one.path)}  {named}", markup=False)
    without = sum(not one.labels for one in files)
    console(stderr=True).print(f"{without:,} of {len(files):,} files fit none.", markup=False)
