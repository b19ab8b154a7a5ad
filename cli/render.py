"""Values become what a person or a program reads: a list, JSON, or bare paths."""

import base64
import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy and rich are not needed to print a help page
    from rich.console import Console
    from rich.text import Text

    from engine.errors import GrammarError
    from engine.query import Filter, Query, Term
    from engine.result import Evidence, Hit, SearchResult
    from engine.types import Span

_PLURAL = {
    "image": "pictures",
    "audio": "sounds",
    "video": "videos",
    "text": "texts",
    "caption": "captions",
}
_FOUND_IN = {
    "name": "its name",
    "tag": "a tag",
    "title": "its title",
    "caption": "its caption",
    "passage": "its text",
    "subtitle": "a subtitle",
    "seen": "what is written in it",
    "heard": "what is said in it",
}
_NO_SPACES = ("words", "conditions", "recording")
_REASONS = 3
_INDENT = " " * 12
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


def print_hits(result: "SearchResult", *, explain: bool = False) -> None:
    """The hits, best first, each with its reasons; without any, the nearest below a line."""
    out = console()
    if out.is_terminal and result.hits:
        out.print("  #  sure   kind   file", style="dim")
    _print_all(out, result.hits, explain=explain)
    if result.hits:
        return
    if not result.nearest:
        told = "meets these conditions" if result.query.filters else "can match"
        console(stderr=True).print(f"Nothing indexed {told}. See: seehear status")
        return
    out.print("Nothing matches well.")
    out.print("--- the nearest, which may have nothing to do with it ---", style="dim")
    _print_all(out, result.nearest, explain=explain, surely=False)


def _print_all(
    out: "Console", hits: "Sequence[Hit]", *, explain: bool, surely: bool = True
) -> None:
    for rank, hit in enumerate(hits, start=1):
        out.print(_line(rank, hit, sure(hit.relevance) if surely else ""))
        for line in _explained(hit) if explain else [_reasons(hit)]:
            out.print(f"{_INDENT}{line}", style="dim", markup=False)


def _line(rank: int, hit: "Hit", how_sure: str) -> "Text":
    from rich.text import Text

    line = Text(f"{rank:>3}  {how_sure:>4}  ")
    line.append(f"{hit.modality:<5}  ", style=_KIND_STYLE[hit.modality])
    line.append(shown(hit.path), style=f"bold link {hit.path.as_uri()}" if _can_link(hit) else "")
    if when := moment(hit.span):
        line.append(f"  {when}", style="yellow")
    if hit.same:
        line.append(f"  +{len(hit.same)} same", style="dim")
    return line


def sure(relevance: float) -> str:
    """A relevance in percent; never 100, for nothing is that sure."""
    return f"{min(int(100 * relevance), 99)}%"


def _can_link(hit: "Hit") -> bool:
    return sys.stdout.isatty() and not any(c.isspace() for c in hit.path.as_uri())


def _reasons(hit: "Hit") -> str:
    """The strongest reason of each kind, and the words that matched."""
    told = dict.fromkeys(_because(one) for one in hit.because)
    words = f": {_printable(hit.snippet)}" if hit.snippet else ""
    name = f"#{hit.id}  " if hit.id else ""
    return f"{name}{'; '.join(list(told)[:_REASONS])}{words}"


def _explained(hit: "Hit") -> list[str]:
    """Every reason with its score and where it was computed."""
    lines = [f"#{hit.id}  score {hit.score:.2f}, relevance {hit.relevance:.3f}"]
    lines += [f"{one.score:+6.2f}  {_because(one)}{_in_space(one)}" for one in hit.because]
    return lines + ([f"        {_printable(hit.snippet)}"] if hit.snippet else [])


def _in_space(one: "Evidence") -> str:
    return "" if one.source.space in _NO_SPACES else f", in space {one.source.space}"


def _because(one: "Evidence") -> str:
    source = one.source
    if source.space == "conditions":
        return "meets the conditions"
    if source.space == "words":
        has = "has" if one.whole else "has words of"
        return f"{_FOUND_IN.get(source.gallery, source.gallery)} {has} {_printable(source.term)}"
    if source.space == "recording":
        return f"the same recording as {_printable(source.term)}, {moment(one.span)}"
    place = f"{_ordinal(one.rank)} among {_PLURAL.get(source.gallery, source.gallery)}"
    return f"{place} for {_printable(source.term)}"


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
        "nearest": [_hit_json(hit) for hit in result.nearest],
        "timings_ms": {name: round(ms, 3) for name, ms in result.timings_ms.items()},
    }


def query_json(query: "Query") -> dict[str, Any]:
    """A query: the first of each kind of part by name, then all parts in order, and as a line."""
    from engine.grammar import unparse

    return {
        **_parts_by_name(query.terms),
        "line": _text(unparse(query)),
        "terms": [_term_json(term) for term in query.terms],
        "filters": [_filter_json(one) for one in query.filters],
    }


def _parts_by_name(terms: Sequence["Term"]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for term in terms:
        is_file = isinstance(term.payload, Path)
        name = "text_file" if is_file and term.modality == "text" else term.modality.value
        if term.weight > 0 and not term.exact:
            parts.setdefault(name, _text(str(term.payload)))
    return parts


def _term_json(term: "Term") -> dict[str, Any]:
    region = term.region
    return {
        "modality": term.modality.value,
        **(
            path_json(term.payload)
            if isinstance(term.payload, Path)
            else {"words": _text(term.payload)}
        ),
        "weight": term.weight,
        "exact": term.exact,
        "span": None if term.span is None else [term.span.start, term.span.end],
        "region": region and [region.x, region.y, region.width, region.height],
    }


def _filter_json(one: "Filter") -> dict[str, Any]:
    values = [
        _text(value) if isinstance(value, str) else dataclasses.asdict(value)
        for value in one.any_of
    ]
    return {"field": one.field.value, "any_of": values, "negated": one.negated}


_EXCERPT = 60
"""Characters shown on each side of a mistake."""


def pointed(error: "GrammarError") -> str:
    """The line around a mistake, and below it a mark as wide as the mistake."""
    from rich.cells import cell_len

    start, end = error.column, error.column + max(1, error.length)
    first, last = max(0, start - _EXCERPT), start + _EXCERPT
    before, after = "…" if first else "", "…" if last < len(error.line) else ""
    left = before + _escaped(error.line[first:start])
    mistake = _escaped(error.line[start : min(end, last)])
    rest = _escaped(error.line[min(end, last) : last]) + after
    mark = "^" * max(1, cell_len(mistake))
    return f"  {left}{mistake}{rest}\n  {' ' * cell_len(left)}{mark}"


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else repr(c)[1:-1] for c in text)


def _hit_json(hit: "Hit") -> dict[str, Any]:
    span = hit.span
    in_ms = span is not None and span.unit == "ms"
    return {
        **path_json(hit.path),
        "id": f"#{hit.id}",
        "modality": hit.modality.value,
        "score": round(hit.score, 4),
        "relevance": round(hit.relevance, 4),
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
