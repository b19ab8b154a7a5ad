"""The report on a bridge as a table for a person: the verdict first, then what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cli.render import console
from engine.align.report import chosen_in_words

if TYPE_CHECKING:
    from rich.table import Table

    from engine.teach import Listed

_SHOWN = ("R@1", "R@5", "R@10", "MRR", "median rank")
_MEDIAN = "median rank"
_STYLES = {"helps": "bold green", "no difference shown": "bold", "harms": "bold red"}
_LEFT_OUT = 10
"""So many pairs that were left out are told one by one; the JSON has all."""

_METHODS = 4
"""So many methods are compared in a line; the JSON has all."""


def print_bridges(found: Sequence["Listed"]) -> None:
    """A line for each bridge: what it joins, what was shown, and whether it is in use."""
    if not found:
        console(stderr=True).print("No bridges yet. Make one with: seehear align fit")
    for one in found:
        told = bridge_json(one)
        ends = " <-> ".join(f"{end['modality']} ({end['space']})" for end in told["ends"])
        mark = "in use" if one.in_use else "not used"
        line = f"{told['name']}  {ends}  {told['method']}  {told['verdict']}  {mark}"
        console().print(line, markup=False)


def bridge_json(one: "Listed") -> dict[str, Any]:
    """The same as JSON."""
    report = one.taught.bridge.report
    return {
        "name": one.taught.name,
        "ends": [
            {"modality": end.modality.value, "space": end.space.name} for end in one.taught.ends
        ],
        "method": one.taught.bridge.method,
        "share": one.taught.share,
        "verdict": report.get("verdict", ""),
        "pairs": report.get("pairs", 0),
        "digest": one.taught.digest,
        "in_use": one.in_use,
    }


def print_report(report: Mapping[str, Any], *, name: str, in_use: bool = False) -> None:
    """Print what was measured, which pairs were left out, and what to do next.

    Args:
        report: as of `engine.align.report.Report.told`, with `named` or without.
        name: of the bridge, as it is used.
        in_use: whether searches go over it.
    """
    out = console()
    _print_left_out(report.get("left_out", []))
    out.print(report["sentence"], style=_STYLES[report["verdict"]], markup=False)
    out.print()
    out.print(_table(report))
    out.print()
    for line in _footnotes(report):
        out.print(line, style="dim", markup=False)
    undo = f"Searches go over it. To undo: seehear align drop {name}"
    out.print(undo if in_use else _next(report, name), markup=False)


def _print_left_out(sentences: Sequence[str]) -> None:
    out = console(stderr=True)
    for line in sentences[:_LEFT_OUT]:
        out.print(line, style="yellow", markup=False)
    if len(sentences) > _LEFT_OUT:
        out.print(f"and {len(sentences) - _LEFT_OUT:,} more", style="yellow", markup=False)


def _table(report: Mapping[str, Any]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("measure")
    existing = report["compared_with"] == "existing"
    heads = ("before", "after") if existing else ("fitted",)
    for head in (*heads, "chance", "shuffled"):
        table.add_column(head, justify="right")
    left, right = report.get("sides", ("left", "right"))
    for title, one in zip(
        (f"{left} to {right}", f"{right} to {left}"), report["directions"], strict=True
    ):
        table.add_row(title, style="bold")
        for figure in one["figures"]:
            if figure["name"] in _SHOWN:
                table.add_row(*_cells(figure, existing=existing))
    return table


def _cells(figure: Mapping[str, Any], *, existing: bool) -> Iterator[str]:
    name = figure["name"]
    yield f"  {name}"
    for when in ("before", "after") if existing else ("after",):
        value, low, high = (_shown(name, figure[when][end]) for end in ("value", "low", "high"))
        yield f"{value} [{low}, {high}]"
    yield _shown(name, figure["chance"])
    yield _shown(name, figure["shuffled"])


def _shown(name: str, value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0") if name == _MEDIAN else f"{value:.3f}"


def _footnotes(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"Chosen: {chosen_in_words(report)}."
    yield f"Tried:  {_tried(report)}."
    least, most = report["gallery"]
    among = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    held = (
        f"in {report['folds']} folds, none of which its choice had seen"
        if report["protocol"] == "nested"
        else f"once; candidates were compared on {report['tried_on']:,} of the others"
    )
    yield (
        f"Judged: {report['judged']:,} of {report['pairs']:,} pairs, held out {held}; each looked "
        f"for among {among}; pairs of one source or of equal contents ({report['groups']:,}) stay "
        f"together; 95 % intervals; seed {report['seed']}, {report['seconds']:.0f} s."
    )


def _tried(report: Mapping[str, Any]) -> str:
    """The best of each method with its standard error, and how many there were."""
    best: dict[str, Mapping[str, Any]] = {}
    for one in report["candidates"]:
        best.setdefault(one["method"] or "the way there was", one)
    shown = [f"{name} {one['mrr']:.3f} ± {one['error']:.3f}" for name, one in best.items()]
    more = f" and {len(shown) - _METHODS} more" if len(shown) > _METHODS else ""
    count = f"{len(report['candidates']):,} candidates"
    return f"{', '.join(shown[:_METHODS])}{more} (MRR, {count})"


def _next(report: Mapping[str, Any], name: str) -> str:
    if report["verdict"] == "helps":
        return f"Next: seehear align use {name}"
    if report["verdict"] == "harms":
        return "Next: see whether the pairs are right; rows that are mixed up look like this."
    return (
        f"Next: collect more pairs; intervals become half as wide with {4 * report['pairs']:,} of "
        "them. Or see whether both sides are about the same things."
    )
