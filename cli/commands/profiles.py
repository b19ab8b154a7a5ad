"""`seehear profiles`: what a library can be made with, at what price."""

from typing import Any

from cli.choosing import megabytes
from cli.commands.options import JsonOption
from cli.render import console, print_json


def command(json: JsonOption = False) -> None:
    """List the profiles: what each finds, its size, languages and licence, and if it is here."""
    from engine.models import registry

    known = registry()
    names = [name for name, row in known.profiles.items() if not row.hidden]
    shown = [described(name) for name in names if not _faults(name)]
    if json:
        print_json({"profiles": shown})
        return
    out = console()
    for one in shown:
        out.print(f"{one['name']:<13} {one['summary']}", markup=False)
        facts = (
            f"models of {megabytes(one['bytes'])}",
            "here" if one["here"] else "not here yet",
            f"licence {one['licence']}",
            f"words in {one['languages']}",
        )
        out.print(f"{'':<13} {', '.join(facts)}", style="dim", markup=False)
    for name in names:
        if fault := _faults(name):
            out.print(f"{name:<13} cannot be used: {fault}", style="yellow", markup=False)
    out.print("\nChange a library's profile: seehear profile use NAME", style="dim")


def _faults(name: str) -> str:
    """Why a profile of the user's own cannot be used, or an empty string."""
    from engine import models
    from engine.errors import EngineError
    from engine.profile import Profile

    try:
        for model in Profile.load(name).weights:
            models.must_be_pulled(model)
    except EngineError as error:
        return str(error)
    return ""


def described(name: str) -> dict[str, Any]:
    """Facts of a profile, as JSON shows them."""
    from engine import models

    known = models.registry()
    row = known.profile(name)
    rows = [known.model(one) for one in row.models]
    languages = next((m.languages for m in rows if "image" in m.kinds and m.languages), "")
    return {
        "name": name,
        "summary": row.summary,
        "models": list(row.models),
        "bytes": sum(models.size_of(one) for one in row.models),
        "here": all(models.is_ready(one) or models.is_fetched(one) for one in row.models),
        "licence": "research" if any(m.licence == "research" for m in rows) else "open",
        "languages": languages or next((m.languages for m in rows if m.languages), "English"),
    }
