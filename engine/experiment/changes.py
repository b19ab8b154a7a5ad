"""Reads a change of the steps of ranking, such as `hubness=off,words=off`."""

from dataclasses import fields, replace

from engine.errors import UsageError
from engine.rank.steps import Steps

_STATES = {"on": True, "off": False}


def changed_steps(text: str) -> Steps:
    """The default steps with these changes; UsageError when a step or a state is not known."""
    known = [one.name for one in fields(Steps)]
    changes = {}
    for part in text.split(","):
        name, _, state = (one.strip().lower() for one in part.partition("="))
        if name not in known or state not in _STATES:
            raise UsageError(
                f"{part.strip() or 'Nothing'} is no change of a step.",
                hint=f"Write STEP=off or STEP=on, with commas between; steps: {', '.join(known)}",
            )
        changes[name] = _STATES[state]
    if replace(Steps(), **changes) == Steps():
        raise UsageError(f"{text} is how it is by default, so there is nothing to compare.")
    return replace(Steps(), **changes)
