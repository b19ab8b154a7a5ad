"""`seehear align`: teach the library which things belong together, and use what it learnt."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cli.commands.options import InOption, JsonOption, LibraryOption
from cli.render import console, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library

if TYPE_CHECKING:
    from engine.teach import Lesson

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="See: seehear align list")]

app = typer.Typer(no_args_is_help=True, help="Teach the library which things belong together.")


@app.command("fit")
def fit(
    pairs: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--pairs", metavar="FILE", help="CSV, TSV or JSONL: left, right[, group]."),
    ] = None,
    captions: Annotated[
        bool, typer.Option("--captions", help="Learn from the captions beside indexed media.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="Of the bridge; else that of FILE.")] = "",
    left: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--from", metavar="SPACE", help="Space of the left side."),
    ] = None,
    right: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--to", metavar="SPACE", help="Space of the right side."),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", metavar="A,B", help="auto, or: seehear align methods")
    ] = "auto",
    anchors: Annotated[
        bool, typer.Option("--anchors/--no-anchors", help="Pool what is known without the pairs.")
    ] = True,
    picture: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--picture", metavar="FILE.png", help="Draw what was measured (.png, .svg)."),
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use the bridge at once if it helps.")] = False,
    wanted: InOption = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of folds and resampling.")] = 0,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Learn a bridge from pairs of things that belong together, and say whether it helps."""
    from cli.bridges import print_report
    from cli.commands.show import kinds
    from cli.progress import Bar
    from engine import teach

    _check_source(pairs, captions=captions)
    _check_picture(picture)
    table = teach.read_pairs(pairs) if pairs is not None else None
    recipe = teach.Recipe(tuple(method.split(",")), left, right, anchors, seed)
    called = name or (pairs.stem if pairs is not None else "captions")
    with open_library(read_settings(library)) as opened, Bar(silent=json) as bar:
        if not name:
            teach.check_new(opened, called)
        given = table or teach.caption_pairs(opened, kinds(wanted))
        lesson = teach.teach(opened, given, called, recipe, bar.count)
        used = use and lesson.helps
        if used:
            teach.use(opened, called)
    if json:
        print_json(_json(lesson, in_use=used))
    else:
        print_report(lesson.report, name=called, in_use=used)
    if picture is not None:
        _draw(lesson.report, picture)


@app.command("methods")
def methods() -> None:
    """List the methods of alignment, simplest first."""
    from engine.align.aligner import METHODS, aligner, summary

    for one in sorted(METHODS, key=lambda name: aligner(name).complexity):
        console().print(f"{one:<18}{summary(one)}", markup=False)


@app.command("list")
def list_(json: JsonOption = False, library: LibraryOption = None) -> None:
    """List the bridges that the library was taught."""
    from cli.bridges import bridge_json, print_bridges
    from engine import teach

    with open_library(read_settings(library)) as opened:
        found = teach.bridges_of(opened)
    if json:
        print_json({"bridges": [bridge_json(one) for one in found]})
    else:
        print_bridges(found)


@app.command("show")
def show(
    name: NameArgument,
    picture: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--picture", metavar="FILE.png", help="Draw what was measured (.png, .svg)."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Show again what was measured when a bridge was fitted."""
    from cli.bridges import print_report
    from engine import teach

    _check_picture(picture)
    with open_library(read_settings(library)) as opened:
        lesson, in_use = teach.recall(opened, name)
    if json:
        print_json(_json(lesson, in_use=in_use))
    else:
        print_report(lesson.report, name=name, in_use=in_use)
    if picture is not None:
        _draw(lesson.report, picture)


@app.command("use")
def use(name: NameArgument, library: LibraryOption = None) -> None:
    """Search over a bridge from now on."""
    from engine import teach

    with open_library(read_settings(library)) as opened:
        aside = teach.use(opened, name)
    console().print(f"Searches go over '{name}' now.", markup=False)
    for other in aside:
        console().print(f"'{other}' joins the same two ends and is put aside.", markup=False)


@app.command("drop")
def drop(
    name: NameArgument,
    keep: Annotated[bool, typer.Option("--keep", help="Stop using it, but keep it.")] = False,
    library: LibraryOption = None,
) -> None:
    """Stop using a bridge and delete it: searches are again what they were without it."""
    from engine import teach

    with open_library(read_settings(library)) as opened:
        teach.stop_using(opened, name) if keep else teach.drop(opened, name)
    console().print(f"'{name}' is {'kept, but not used' if keep else 'gone'}.", markup=False)


@app.command("export")
def export(
    name: NameArgument,
    folder: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where to.")],
    library: LibraryOption = None,
) -> None:
    """Write a bridge as two files, JSON and safetensors, for another library."""
    from engine import teach

    with open_library(read_settings(library)) as opened:
        for file in teach.hand_out(opened, name, folder):
            console().print(shown(file), markup=False)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="With its numbers beside it.")],
    name: Annotated[str, typer.Option("--name", help="Another name for it here.")] = "",
    library: LibraryOption = None,
) -> None:
    """Take in a bridge that was exported; one between other encoders is refused."""
    from engine import teach

    with open_library(read_settings(library)) as opened:
        taught = teach.take_in(opened, file, name or None)
    console().print(
        f"'{taught.name}' is here. To search over it: seehear align use {taught.name}", markup=False
    )


def _check_source(pairs: Path | None, *, captions: bool) -> None:
    from engine.errors import UsageError

    if (pairs is None) != captions:
        raise UsageError(
            "Say what to learn from, once.", hint="Give --pairs FILE or --captions, not both."
        )


def _check_picture(file: Path | None) -> None:
    from engine.errors import UsageError

    if file is not None and file.suffix.lower() not in {".png", ".svg"}:
        raise UsageError(f"{file} is no picture by its name.", hint="End it in .png or .svg")


def _json(lesson: "Lesson", *, in_use: bool) -> dict[str, Any]:
    return {**lesson.report, "kept": lesson.taught is not None, "in_use": in_use}


def _draw(report: Mapping[str, Any], file: Path) -> None:
    from cli.drawing import draw
    from engine.errors import UsageError

    kind = file.suffix.lower().removeprefix(".")
    try:
        file.expanduser().write_bytes(draw(report, "svg" if kind == "svg" else "png"))
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error
    console(stderr=True).print(f"Drawn: {shown(file)}", markup=False)
