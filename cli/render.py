"""Values become what a person or a program reads: a list, JSON, or bare paths."""

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy and rich are not needed to print a help page
    from rich.console import Console
    from rich.text import Text

    from engine.query import Query
    from engine.result import Evidence, Hit, SearchResult
    from engine.types import Span

_PLURAL = {
    "image": "pictures",
    "audio": "sounds",
    "video": "videos",
    "text": "texts",
    "caption": "captions",
}
_KIND_STYLE = {"image": "green", "audio": "magenta", "video": "cyan", "text": "blue"}


def console(*, stderr: bool = False) -> "Console":
    """A console that is plain unless it is a terminal; NO_COLOR is honoured by rich itself."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # Off a terminal nothing is wrapped: a program reads it line by line.
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width, emoji=False)


def shown(path: Path) -> str:
    """A path for the eye: short where it can be, and never able to command the terminal."""
    text = os.fsencode(path).decode(errors="replace")
    for folder, short in ((str(Path.cwd()), ""), (str(Path.home()), "~/")):
        if text.startswith(folder + os.sep):
            text = short + text[len(folder) + 1 :]
            break
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def moment(span: "Span | None") -> str:
    """A span of a recording as m:ss-m:ss, or m:ss within a second; empty for anything else."""
    if span is None or span.unit != "ms":
        return ""
    start, end = _clock(span.start), _clock(span.end)
    return start if start == end else f"{start}-{end}"


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def print_hits(result: "SearchResult") -> None:
    """The hits, best first, each with its reasons on a line below."""
    out = console()
    if out.is_terminal and result.hits:
        out.print("  #  score  kind   file", style="dim")
    for rank, hit in enumerate(result.hits, start=1):
        out.print(_line(rank, hit))
        out.print(f"            {_reasons(hit)}", style="dim", markup=False)
    if not result.hits:
        console(stderr=True).print("Nothing indexed can match. See: seehear status")


def _line(rank: int, hit: "Hit") -> "Text":
    from rich.text import Text

    line = Text(f"{rank:>3}  {hit.score:>5.1f}  ")
    line.append(f"{hit.modality:<5}  ", style=_KIND_STYLE[hit.modality])
    line.append(shown(hit.path), style=f"bold link {hit.path.as_uri()}" if _can_link(hit) else "")
    if when := moment(hit.span):
        line.append(f"  {when}", style="yellow")
    if hit.same:
        line.append(f"  +{len(hit.same)} same", style="dim")
    return line


def _can_link(hit: "Hit") -> bool:
    return sys.stdout.isatty() and not any(c.isspace() for c in hit.path.as_uri())


def _reasons(hit: "Hit") -> str:
    reasons = "; ".join(_because(one) for one in hit.because)
    words = f": {_printable(hit.snippet)}" if hit.snippet else ""
    return f"{reasons}{words}"


def _because(one: "Evidence") -> str:
    source = one.source
    place = f"{_ordinal(one.rank)} among {_PLURAL.get(source.gallery, source.gallery)}"
    return f"{place} for {_printable(source.term)}, in space {source.space}"


def _ordinal(number: int) -> str:
    teens = number % 100 in range(11, 14)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def print_paths(result: "SearchResult", *, null: bool) -> None:
    """Nothing but paths, byte for byte, ended by a newline or NUL."""
    end = b"\0" if null else b"\n"
    for hit in result.hits:
        sys.stdout.buffer.write(os.fsencode(hit.path) + end)
    sys.stdout.buffer.flush()


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + "\n")
    sys.stdout.flush()  # here a reader that has gone is noticed, not when Python ends


def result_json(result: "SearchResult") -> dict[str, Any]:
    """A search result in the shape that every interface shows."""
    return {
        "query": query_json(result.query),
        "hits": [_hit_json(hit) for hit in result.hits],
        "timings_ms": {name: round(ms, 3) for name, ms in result.timings_ms.items()},
    }


def query_json(query: "Query") -> dict[str, str]:
    """The parts of a query by name."""
    parts = {
        "text": query.text,
        "image": query.image,
        "audio": query.audio,
        "text_file": query.text_file,
    }
    return {name: _text(str(value)) for name, value in parts.items() if value is not None}


def _hit_json(hit: "Hit") -> dict[str, Any]:
    span = hit.span
    in_ms = span is not None and span.unit == "ms"
    return {
        **path_json(hit.path),
        "modality": hit.modality.value,
        "score": round(hit.score, 4),
        "span": [span.start, span.end] if span is not None and in_ms else None,
        "characters": [span.start, span.end] if span is not None and not in_ms else None,
        "snippet": hit.snippet,
        "because": [_evidence_json(one) for one in hit.because],
        "same": [path_json(path)["path"] for path in hit.same],
    }


def _evidence_json(one: "Evidence") -> dict[str, Any]:
    return {"source": _text(str(one.source)), "rank": one.rank, "score": round(one.score, 4)}


def path_json(path: Path) -> dict[str, str]:
    """A path for JSON; bytes that are no UTF-8 are replaced, and given whole as base64."""
    raw = os.fsencode(path)
    try:
        return {"path": raw.decode()}
    except UnicodeDecodeError:
        return {"path": raw.decode(errors="replace"), "path_b64": base64.b64encode(raw).decode()}


def _text(value: str) -> str:
    return os.fsencode(value).decode(errors="replace")
