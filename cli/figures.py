"""The figures of an evaluation as JSON, and the same JSON as tables for a person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.render import console, path_json
from engine.evaluate import DEFINITIONS, RESAMPLES

if TYPE_CHECKING:
    from rich.table import Table

    from engine.evaluate import Difference
    from engine.experiment import Figure, Outcome, Pace, Plan, Trial
    from engine.library import Library

_SHORT = 12
"""Characters of a fingerprint that people compare."""

_MEDIAN = "median rank"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """An evaluation that has ended, and what it was made with.

    Attributes:
        file: of judgements; None for captions.
        compared: the change of steps as it was written, or an empty string.
    """

    library: "Library"
    file: Path | None
    plan: "Plan"
    trial: "Trial"
    compared: str
    outcomes: tuple["Outcome", ...]


def evaluated_json(found: Evaluated) -> dict[str, Any]:
    """All that was measured, and all that one needs to measure it again."""
    asked, library = found.plan.asked, found.library
    return {
        "protocol": {
            "questions": "captions" if found.file is None else path_json(found.file)["path"],
            "digest": asked.digest(found.plan.shelf),
            "captions_searched": found.file is not None,
            "relevance_line": False,
            "depth": found.trial.depth,
            "under": [path_json(one)["path"] for one in found.trial.under],
            "resamples": RESAMPLES,
            "seed": found.trial.seed,
            "compared": found.compared or None,
            "anchor": None,
        },
        "profile": library.profile.name,
        "encoders": {name: one.fingerprint for name, one in library.profile.spaces.items()},
        "made_by": library.makers(),
        "definitions": DEFINITIONS,
        "notes": [*asked.notes, *library.remarks],
        "directions": [_outcome_json(one) for one in found.outcomes],
    }


def _outcome_json(one: "Outcome") -> dict[str, Any]:
    return {
        "name": one.name,
        "queries": one.queries,
        "gallery": one.gallery,
        "depth": one.depth,
        "metrics": {figure.name: _figure_json(figure) for figure in one.figures},
        "ms_per_query": _pace_json(one.pace),
        "overlap_at_10": None if one.pace is None else one.pace.overlap,
        "ranks": [{"query": label, "rank": rank} for label, rank in one.ranks],
    }


def _figure_json(figure: "Figure") -> dict[str, Any]:
    interval = figure.interval
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "chance": figure.chance,
        "shuffled": figure.shuffled,
        "difference": _difference_json(figure.changed),
    }


def _difference_json(one: "Difference | None") -> dict[str, Any] | None:
    if one is None:
        return None
    return {"mean": one.mean, "low": one.low, "high": one.high, "p": one.p, "verdict": one.verdict}


def _pace_json(pace: "Pace | None") -> dict[str, Any] | None:
    if pace is None:
        return None
    return {"p50": round(pace.p50, 3), "p95": round(pace.p95, 3), "k": 10, "queries": pace.asked}


def print_evaluated(found: Mapping[str, Any]) -> None:
    """A table for each direction; below them, how it was measured."""
    out = console()
    for one in found["directions"]:
        out.print(_headline(one), style="bold", markup=False)
        out.print(_table(one, found["protocol"]))
        out.print(_pace(one), markup=False)
        out.print()
    for note in found["notes"]:
        out.print(f"Note: {note}", style="yellow", markup=False)
    for line in _footnotes(found):
        out.print(line, style="dim", markup=False)


def _headline(one: Mapping[str, Any]) -> str:
    among = "words" if one["name"].endswith("words") else "files"
    queries = "1 query" if one["queries"] == 1 else f"{one['queries']:,} queries"
    return f"{one['name']}: {queries}, {one['gallery']:,} {among} to find"


def _table(one: Mapping[str, Any], protocol: Mapping[str, Any]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("measure")
    for name in ("value", "95 % interval", "chance", "shuffled"):
        table.add_column(name, justify="right")
    if protocol["compared"]:
        table.add_column(f"with {protocol['compared']}", justify="right")
        table.add_column("verdict")
    for name, figure in one["metrics"].items():
        show = _rank(one["depth"]) if name == _MEDIAN else _share
        low, high = show(figure["low"]), show(figure["high"])
        cells = [name, show(figure["value"]), f"[{low}, {high}]", show(figure["chance"])]
        cells.append("-" if figure["shuffled"] is None else show(figure["shuffled"]))
        table.add_row(*(cells + _compared(figure) if protocol["compared"] else cells))
    return table


def _share(value: float) -> str:
    return f"{value:.3f}"


def _rank(depth: int) -> Callable[[float], str]:
    return lambda value: f">{depth:,}" if value > depth else f"{value:,.1f}".removesuffix(".0")


def _compared(figure: Mapping[str, Any]) -> list[str]:
    one = figure["difference"]
    if one is None:
        return ["-", ""]
    change = f"{one['mean']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}] p {one['p']:.4f}"
    return [change, one["verdict"]]


def _pace(one: Mapping[str, Any]) -> str:
    ms = one["ms_per_query"]
    if ms is None:
        return "Read from the scores of the table above: which words fit each file best."
    spent = f"{ms['p50']:.1f} ms per query (p50), {ms['p95']:.1f} ms (p95), {ms['queries']:,} timed"
    if one["overlap_at_10"] is None:
        return f"{spent}; not compared with exact search, for which the library is too large."
    return f"{spent}; of the exact ten best, {one['overlap_at_10']:.1%} were found."


def _footnotes(found: Mapping[str, Any]) -> list[str]:
    protocol = found["protocol"]
    captions = "searched too" if protocol["captions_searched"] else "left out of the search"
    under = f", under {', '.join(protocol['under'])}" if protocol["under"] else ""
    encoders = ", ".join(f"{n} {print_[:_SHORT]}" for n, print_ in found["encoders"].items())
    questions = f"{_printable(protocol['questions'])} ({protocol['digest'][:_SHORT]})"
    return [
        f"Definitions: {found['definitions']}. Not found counts as below all that was looked at.",
        (
            f"Protocol: questions {questions}, captions {captions}, no line of relevance, "
            f"{protocol['depth']:,} deep{under}; equal bytes are one file; bootstrap of "
            f"{protocol['resamples']:,} resamples, seed {protocol['seed']}; no published anchor."
        ),
        f"Profile {found['profile']}: {encoders}",
    ]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
