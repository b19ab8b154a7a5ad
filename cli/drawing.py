"""The report on a bridge as a picture: recall curves, correlations, and neighbours of examples."""

import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from engine.align.figures import DIRECTIONS
from engine.align.report import chosen_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BEFORE, _AFTER = "#E69F00", "#0072B2"
"""Orange and blue of a palette that the colour-blind tell apart (Okabe and Ito, 2008)."""

_INK, _FAINT, _LINE = "#222222", "#666666", "#DDDDDD"
_VERDICTS = {"helps": _AFTER, "no difference shown": _FAINT, "harms": "#D55E00"}
_DPI = 150
_WIDTH = 11.0
_CHARACTERS = 36

_WHEN = ("before", "after")
_STEP = 0.3

_STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "svg.hashsalt": "seehear",
}


def draw(report: Mapping[str, Any], kind: Literal["png", "svg"] = "png") -> bytes:
    """Draw it; the same report gives the same bytes.

    Args:
        report: as of `engine.align.report.Report.told`, with `named` or without.
        kind: of picture.
    """
    import matplotlib as mpl

    made = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with warnings.catch_warnings(), mpl.rc_context(_STYLE):
        # A name in a script that the font lacks is drawn as boxes; its letters need no warning.
        warnings.filterwarnings("ignore", message="Glyph")
        _figure(report).savefig(made, format=kind, dpi=_DPI, metadata=metadata)
    return made.getvalue()


def _figure(report: Mapping[str, Any]) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
    shown = 0.55 + 0.62 * len(report["examples"])
    figure = Figure(figsize=(_WIDTH, 4.6 + shown), layout=layout, facecolor="white")
    (top,), (bottom,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(4.6, shown))
    top.suptitle(
        _title(report),
        x=0.01,
        ha="left",
        fontsize=14,
        fontweight="bold",
        color=_VERDICTS[report["verdict"]],
    )
    spectrum = report["correlations"]
    panels = top.subplots(1, 3 if spectrum else 2, width_ratios=(3, 3, 2) if spectrum else (1, 1))
    for panel, direction in zip(panels, report["directions"], strict=False):
        _recalls(panel, direction, _direction(direction["name"], report))
    top.supxlabel(_below(report), x=0.01, ha="left", fontsize=9, color=_FAINT)
    panels[0].legend(frameon=False, loc="best", fontsize=8.5)
    panels[0].set_ylabel("share of pairs that are found")
    if spectrum:
        _correlations(panels[2], spectrum)
    _examples(bottom.subplots(), report)
    return figure


def _recalls(panel: "Axes", direction: Mapping[str, Any], title: str) -> None:
    """Recall at each depth, with its intervals."""
    figures = [one for one in direction["figures"] if one["name"].startswith("R@")]
    depths = [int(one["name"].removeprefix("R@")) for one in figures]
    panel.plot(depths, [one["chance"] for one in figures], ":", color=_FAINT, label="chance")
    for name, colour, mark in (("before", _BEFORE, "s"), ("after", _AFTER, "o")):
        drawn = [one[name] for one in figures]
        if None in drawn:
            continue
        low, high = ([one[end] for one in drawn] for end in ("low", "high"))
        panel.fill_between(depths, low, high, color=colour, alpha=0.18, linewidth=0)
        values = [one["value"] for one in drawn]
        panel.plot(depths, values, marker=mark, markersize=4.5, color=colour, label=name)
    _plain(panel, title)
    panel.set_xscale("log")
    panel.set_xticks(depths, [str(one) for one in depths])
    panel.minorticks_off()
    panel.set_ylim(0, 1.03)
    panel.set_xlabel("among the first k")


def _correlations(panel: "Axes", spectrum: Sequence[float]) -> None:
    """Canonical correlations, largest first."""
    panel.fill_between(range(1, len(spectrum) + 1), spectrum, color=_AFTER, alpha=0.18, linewidth=0)
    panel.plot(range(1, len(spectrum) + 1), spectrum, color=_AFTER)
    _plain(panel, "What both sides share")
    panel.set_ylim(0, 1.03)
    panel.set_xlabel("direction")
    panel.set_ylabel("canonical correlation")


def _plain(panel: "Axes", title: str) -> None:
    panel.set_title(title, loc="left", fontsize=10.5, parse_math=False)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color=_LINE, linewidth=0.7)
    panel.set_axisbelow(True)


def _examples(panel: "Axes", report: Mapping[str, Any]) -> None:
    """Some held-out pairs, and which right sides are nearest to their left ones."""
    left, right = report.get("sides", ("left", "right"))
    existing = report["compared_with"] == "existing"
    columns = [0.0, 0.29, 0.67] if existing else [0.0, 0.4]
    heads = [f"held-out pair ({left} / {right})"]
    heads += [f"nearest {right} before", "nearest after"] if existing else [f"nearest {right}"]
    panel.set_axis_off()
    panel.set_xlim(0, 1)
    panel.set_ylim(len(report["examples"]), -0.8)
    for x, head in zip(columns, heads, strict=True):
        _write(panel, x, -0.45, head, color=_FAINT)
    for y, one in enumerate(report["examples"]):
        panel.axhline(y - 0.1, color=_LINE, linewidth=0.7)
        both = [name for side in (0, 1) if (name := _name(report, one["pair"], side))]
        for line, name in enumerate(both):
            _write(panel, 0.0, y + line * _STEP, name)
        for x, when in zip(columns[1:], _WHEN[-len(columns) + 1 :], strict=True):
            _neighbours(panel, (x, y), report, one, when)


def _neighbours(
    panel: "Axes",
    at: tuple[float, float],
    report: Mapping[str, Any],
    one: Mapping[str, Any],
    when: str,
) -> None:
    """The nearest, the right one set off; below them its rank where it is none of them."""
    x, y = at
    for place, pair in enumerate(one[when]):
        right = pair == one["pair"]
        style = {"color": _AFTER, "fontweight": "bold"} if right else {}
        name = _name(report, pair, side=1)
        _write(panel, x, y + place * _STEP, f"{place + 1}  {name}{'  ✓' if right else ''}", **style)
    if one["pair"] not in one[when]:
        rank = f"{one[f'rank_{when}']:,.1f}".removesuffix(".0")
        _write(panel, x + 0.33, y, f"right: {rank}", color=_FAINT, ha="right")


def _write(panel: "Axes", x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401
    panel.text(x, y, text, va="top", fontsize=8.5, parse_math=False, **style)


def _name(report: Mapping[str, Any], pair: int, side: int) -> str:
    names = report.get("names", {}).get(str(pair))
    if names is None:
        return "" if side == 0 else f"pair {pair + 1}"
    text = "".join(c if c.isprintable() else " " for c in names[side])
    half = _CHARACTERS // 2
    return text if len(text) <= _CHARACTERS else f"{text[: half - 1]}…{text[-half:]}"


def _title(report: Mapping[str, Any]) -> str:
    gain = report["difference"]
    sides = [one["figures"] for one in report["directions"]]
    mrr = [one["after"]["value"] for side in sides for one in side if one["name"] == "MRR"]
    after = sum(mrr) / len(mrr)
    against = "before" if report["compared_with"] == "existing" else "by chance"
    change = f"{gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    verdict = report["verdict"].capitalize()
    return f"{verdict}: MRR {after:.3f}, {against} {after - gain['mean']:.3f} ({change})"


def _direction(name: str, report: Mapping[str, Any]) -> str:
    left, right = report.get("sides", ("left", "right"))
    return f"{left} to {right}" if name == DIRECTIONS[0] else f"{right} to {left}"


def _below(report: Mapping[str, Any]) -> str:
    least, most = report["gallery"]
    among = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    return (
        f"Chosen: {chosen_in_words(report)}.\n"
        f"{report['judged']:,} held-out pairs of {report['groups']:,} sources or contents, each "
        f"looked for among {among}; bands are 95 % intervals."
    )
