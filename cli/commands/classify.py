"""`seehear classify`: labels of your own, learnt from examples and given to all that is indexed."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from cli.commands.options import InOption, JsonOption, LibraryOption, UnderOption
from cli.commands.show import kinds
from cli.settings import read_settings
from cli.wiring import open_library

app = typer.Typer(no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="See: seehear classify list")]


@app.callback()
def group() -> None:
    """Learn labels from examples, and give them to what is indexed: `seehear search label:NAME`."""


@app.command("fit")
def fit(
    labels: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--labels", metavar="FILE", help="path,label[,group] (CSV, TSV, JSONL)."),
    ] = None,
    zero_shot: Annotated[
        str, typer.Option("--zero-shot", metavar="A,B,C", help="No examples: the words alone.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What to call it; else like FILE.")] = "",
    use: Annotated[
        str, typer.Option("--use", metavar="A,B", help="Of: image,audio,text,heard,seen.")
    ] = "",
    kind: Annotated[
        str,
        typer.Option("--kind", help="late; single, concat, gated, attention; auto tries them all."),
    ] = "late",
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Learn labels from a table of files, and say how well they are told apart."""
    from cli.classes import card_json, print_card, print_left_out
    from cli.progress import Bar
    from cli.render import print_json
    from engine.errors import UsageError
    from engine.teach import read_labels
    from engine.teach.classes import fit_classifier, fit_words

    if (labels is None) == (not zero_shot):
        raise UsageError("Give --labels FILE, or --zero-shot A,B,C and --name.")
    named = {one.strip().lower() for one in use.split(",") if one.strip()}
    with open_library(read_settings(library)) as opened, Bar(silent=json) as bar:
        if labels is None:
            made = fit_words(opened, zero_shot.split(","), name)
        else:
            made = fit_classifier(
                opened,
                read_labels(labels.expanduser()),
                name or labels.stem.lower(),
                use=named,
                kind=kind,
                saw=lambda done, total: bar.count("files to read", done, total),
            )
    if json:
        print_json(card_json(made.card, made.left_out))
    else:
        print_left_out(made)
        print_card(card_json(made.card))


@app.command("list")
def listed(json: JsonOption = False, library: LibraryOption = None) -> None:
    """List the classifiers of the library, and how well each does."""
    from cli.classes import card_json, print_list
    from cli.render import print_json
    from engine.teach import kept

    with open_library(read_settings(library)) as opened:
        counts = opened.label_counts()
        rows = [
            card_json(kept.card_of(opened.path, one)) | {"labelled": counts.get(one, 0)}
            for one in kept.names(opened.path)
        ]
    if json:
        print_json({"classifiers": rows})
    else:
        print_list(rows)


@app.command("show")
def show(name: _Name, json: JsonOption = False, library: LibraryOption = None) -> None:
    """Show again how well a classifier did when it was fitted."""
    from cli.classes import card_json, print_card
    from cli.render import print_json
    from engine.teach import kept

    with open_library(read_settings(library)) as opened:
        shown = card_json(kept.card_of(opened.path, name))
    if json:
        print_json(shown)
    else:
        print_card(shown)


@app.command("predict")
def predict(
    name: _Name,
    wanted: InOption = "",
    under: UnderOption = None,
    to: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--to", metavar="FILE", help="Write all to FILE.csv or FILE.json."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Label what is indexed; files that are indexed later are labelled when this is run again."""
    from cli.classes import print_predicted
    from cli.progress import Bar
    from cli.render import print_json
    from engine.teach import export
    from engine.teach.classes import predict

    place = None if to is None else export.checked_place(to)
    with open_library(read_settings(library)) as opened, Bar(silent=json) as bar:
        found = predict(
            opened,
            name,
            modalities=kinds(wanted),
            under=under or [],
            saw=lambda done, total: bar.count("files labelled", done, total),
        )
    if place is not None:
        export.write(found, place)
    if json:
        print_json({"files": export.as_rows(found)})
    else:
        print_predicted(name, found, place)


@app.command("drop")
def drop(name: _Name, library: LibraryOption = None) -> None:
    """Forget a classifier and the labels that it gave; files are never touched."""
    from cli.render import console
    from engine.teach.classes import drop_classifier

    with open_library(read_settings(library)) as opened:
        count = drop_classifier(opened, name)
    console().print(f"Forgot {name}, and its labels of {count:,} files or copies.", markup=False)
