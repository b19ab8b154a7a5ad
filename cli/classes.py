"""Classifiers for a person and for programs: how well they do, and what they said."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.render import console, path_json, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from engine.teach.classes import Fitted, Predicted
    from engine.teach.kept import Card
    from engine.teach.tables import Labelled

_LISTED = 20
"""So many things that were left out are named; the others are counted."""


def card_json(card: "Card", left_out: "Sequence[tuple[Labelled, str]]" = ()) -> dict[str, Any]:
    """What a classifier is, how it did, and which things could not be read for it."""
    return {
        "name": card.name,
        "labels": list(card.labels),
        "reads": {channel: space.name for channel, space in card.reads.items()},
        **card.report,
        "left_out": [
            {**_item_json(one.item), "line": one.line, "reason": why} for one, why in left_out
        ],
    }


def _item_json(item: Path | str) -> dict[str, Any]:
    return path_json(item) if isinstance(item, Path) else {"text": item}


def print_left_out(made: "Fitted") -> None:
    """Labelled things that could not be read, on stderr; and labels that are gone."""
    err = console(stderr=True)
    for one, why in made.left_out[:_LISTED]:
        err.print(f"  left out, line {one.line}: {why}", style="yellow", markup=False)
    if len(made.left_out) > _LISTED:
        err.print(f"  and {len(made.left_out) - _LISTED:,} more", style="yellow", markup=False)
    if made.forgot:
        err.print(f"Labels of {made.forgot:,} files or copies by the one before are gone.")


def print_card(card: Mapping[str, Any]) -> None:
    """The figures, what each channel adds, what is taken for what, and a plain verdict."""
    out = console()
    counts = (f"{_printable(one)} {count:,}" for one, count in card["examples"].items())
    labels = ", ".join(counts) or ", ".join(map(_printable, card["labels"]))
    what = f"{card['things']:,} things" if card["things"] else "by the words of its labels"
    out.print(f"{card['name']}: {what} ({labels})", style="bold", markup=False)
    if card["figures"]:
        _print_figures(out, card)
    for note in card["notes"]:
        out.print(f"Note: {_printable(note)}", style="yellow", markup=False)
    out.print(_sentence(card), style="bold", markup=False)
    out.print(f"Next: seehear classify predict {card['name']}", style="dim", markup=False)


def _print_figures(out: "Console", card: Mapping[str, Any]) -> None:
    out.print(_figures(card["figures"]))
    if len(card["channels"]) > 1:
        out.print(_channels(card["channels"]))
    out.print(_confusion(card["confusion"]))
    out.print(
        f"Fusion: {card['kind']}. Held out: {card['measured']:,} things in {card['groups']:,} "
        f"groups, each by a classifier that had not seen its group. 95 % intervals: groups drawn "
        f"with replacement.",
        style="dim",
        markup=False,
    )


def _sentence(card: Mapping[str, Any]) -> str:
    uar = card["figures"].get("UAR")
    if uar is None:
        return f"Verdict: {card['verdict']}."
    return (
        f"Verdict: {card['verdict']}. Of each label's examples {uar['value']:.0%} are found on "
        f"average (95 % interval {uar['low']:.0%} to {uar['high']:.0%}); guessing finds "
        f"{uar['chance']:.0%}."
    )


def _table(*columns: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left")
    return table


def _figures(figures: Mapping[str, Mapping[str, float | None]]) -> "Table":
    table = _table("measure", "value", "95 % interval", "chance", "most common", "shuffled")
    for name, one in figures.items():
        others = (_share(one[key]) for key in ("chance", "majority", "shuffled"))
        table.add_row(name, _share(one["value"]), _ends(one), *others)
    return table


def _channels(channels: Mapping[str, Mapping[str, Any]]) -> "Table":
    table = _table("reads", "things", "weight", "UAR without", "95 % interval")
    for name, one in channels.items():
        left = one["without"]
        table.add_row(
            name, f"{one['things']:,}", _share(one["weight"]), _share(left["value"]), _ends(left)
        )
    return table


def _confusion(found: Mapping[str, Any]) -> "Table":
    from rich.text import Text

    table = _table("is, taken for", *map(_printable, found["labels"]))
    for label, row in zip(found["labels"], found["rows"], strict=True):
        table.add_row(Text(_printable(label)), *(f"{count:,}" for count in row))
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _ends(one: Mapping[str, float | None]) -> str:
    return f"[{_share(one['low'])}, {_share(one['high'])}]".replace("[", r"\[")


def print_list(cards: Sequence[Mapping[str, Any]]) -> None:
    """A line for each classifier."""
    out = console()
    if not cards:
        out.print("No classifiers. Make one with: seehear classify fit --labels FILE", markup=False)
    for one in cards:
        uar = one["figures"].get("UAR")
        done = f"UAR {uar['value']:.3f}, chance {uar['chance']:.3f}" if uar else "not measured"
        reads = ", ".join(one["reads"]) or "whatever words reach"
        out.print(
            f"{one['name']:<16} {', '.join(map(_printable, one['labels']))}  "
            f"(reads {reads}; {done}; {one['labelled']:,} labelled)",
            markup=False,
        )


def print_predicted(name: str, found: "Sequence[Predicted]", place: Path | None) -> None:
    """How many got each label; where they are written; how to find them."""
    from collections import Counter

    out = console()
    counts = Counter(one.guesses[0].label for one in found for _ in one.paths)
    for label, count in counts.most_common():
        out.print(f"{count:>8,}  {_printable(label)}", markup=False)
    if not found:
        out.print(f"Nothing indexed has anything that {name} reads.", markup=False)
    if place is not None:
        out.print(f"Written to {shown(place)}", markup=False)
    if counts:
        label = counts.most_common(1)[0][0]
        out.print(f"Find them with: seehear search {_asked(label)}", style="dim", markup=False)


def _asked(label: str) -> str:
    """The condition on a label as one types it in a shell."""
    import shlex

    from engine.grammar import unparse
    from engine.query import Field, Filter, Given, Query

    return shlex.quote(unparse(Query(filters=(Filter(Field.LABEL, (Given(label),)),))))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
