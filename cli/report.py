"""What indexing did, in words and as JSON."""

from collections import Counter
from pathlib import Path

from cli.render import console, path_json, print_json, shown
from engine.store import logfile
from indexer.report import IndexReport

_LISTED = 20
"""So many ignored files are named; more are counted by suffix."""


def print_report(report: IndexReport, library: Path) -> None:
    """Counts on stdout, then one line for each file that was skipped."""
    out = console()
    out.print(_summary(report), markup=False)
    for skip in report.skipped:
        out.print(f"  skipped {shown(skip.path)}: {skip.reason}", style="yellow", markup=False)
    if report.skipped:
        log = shown(logfile.path_of(library))
        out.print(f"  When and why, of earlier runs too: {log}", style="dim", markup=False)
    for line in _ignored(report.ignored):
        out.print(f"  {line}", style="dim", markup=False)
    for root in report.away:
        out.print(
            f"  {shown(root)} is away or empty; what is known is kept until `seehear forget`.",
            markup=False,
        )
    out.print(f"Library: {shown(library)}", style="dim", markup=False)


def _summary(report: IndexReport) -> str:
    copies = f" {report.copies:,} had bytes that were known already." if report.copies else ""
    found = {"seen": report.seen, "heard": report.heard}
    words = "".join(f" Words {how} in {count:,}." for how, count in found.items() if count)
    learnt = ""
    if report.recognised:
        learnt = f" {report.recognised:,} of before can be recognised inside others from now on."
    return f"Indexed in {report.seconds:.1f} s: {report.counts}.{copies}{words}{learnt}"


def _ignored(paths: tuple[Path, ...]) -> list[str]:
    if len(paths) <= _LISTED:
        return [
            f"left alone {shown(path)}: not a kind of file that seehear reads" for path in paths
        ]
    suffixes = Counter(path.suffix.lower() or "no suffix" for path in paths)
    kinds = ", ".join(f"{shown(Path(s))} {count}" for s, count in suffixes.most_common(8))
    return [f"left alone {len(paths):,} files that are no media ({kinds})"]


def report_json(report: IndexReport) -> None:
    """The report as one JSON object."""
    counts = (
        "added", "refreshed", "moved", "copies", "kept", "removed", "encoded", "segments",
        "seen", "heard", "recognised",
    )  # fmt: skip
    print_json(
        {
            **{name: getattr(report, name) for name in counts},
            "skipped": [{**path_json(s.path), "reason": s.reason} for s in report.skipped],
            "ignored": [path_json(path)["path"] for path in report.ignored],
            "away": [path_json(path)["path"] for path in report.away],
            "seconds": round(report.seconds, 3),
        }
    )
