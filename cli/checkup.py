"""What `seehear doctor` found, for the eye and as JSON."""

from collections.abc import Iterable

from cli.render import console, print_json
from engine.health import Section, State

_MARKS = {State.GOOD: "ok", State.NOTE: "note", State.WRONG: "FAILS"}
_STYLES = {State.GOOD: "", State.NOTE: "yellow", State.WRONG: "red"}


def print_sections(sections: Iterable[Section]) -> set[State]:
    """Aligned lines, each section as soon as it is known; returns the states that occur."""
    out = console()
    states: list[State] = []
    for section in sections:
        out.print(f"{section.title}", style="bold", markup=False)
        width = max((len(one.name) for one in section.findings), default=0)
        for one in section.findings:
            states.append(one.state)
            line = f"  {_MARKS[one.state]:<5}  {one.name:<{width}}  {one.told}"
            out.print(_printable(line), style=_STYLES[one.state], markup=False)
            if one.hint:
                out.print(_printable(f"{'':<{width + 11}}-> {one.hint}"), markup=False)
        out.print()
    out.print(_verdict(states), markup=False)
    return set(states)


def _verdict(states: list[State]) -> str:
    ill, notes = states.count(State.WRONG), states.count(State.NOTE)
    if ill:
        return f"{ill} of {len(states)} checks failed; what helps stands behind the arrows."
    return f"All is well: {len(states)} checks, {notes} note{'' if notes == 1 else 's'}."


def sections_json(sections: Iterable[Section]) -> set[State]:
    """The same as one JSON object; returns the states that occur."""
    found = list(sections)
    states = {one.state for section in found for one in section.findings}
    print_json(
        {
            "ok": State.WRONG not in states,
            "sections": [
                {
                    "title": section.title,
                    "findings": [
                        {
                            "name": _printable(one.name),
                            "state": one.state.value,
                            "told": _printable(one.told),
                            "hint": _printable(one.hint),
                        }
                        for one in section.findings
                    ],
                }
                for section in found
            ],
        }
    )
    return states


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
