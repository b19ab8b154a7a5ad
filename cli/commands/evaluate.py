"""`seehear evaluate`: how well the library finds, measured on queries with known answers."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from cli.commands.options import InOption, JsonOption, LibraryOption, UnderOption
from cli.commands.show import kinds
from cli.settings import read_settings
from cli.wiring import open_library

DepthOption = Annotated[
    int, typer.Option("-k", "--depth", min=10, max=9_999, help="How far down is looked.")
]
CompareOption = Annotated[
    str, typer.Option("--compare", metavar="STEP=off,...", help="Do it again so; what changes?")
]
SkipOption = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out files that are not in the library.")
]
LimitOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--limit", min=1, metavar="N", help="Ask only so many queries, drawn at random."),
]


def command(
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(help="Queries and relevant paths: TSV, JSON. Without it: captions."),
    ] = None,
    wanted: InOption = "",
    depth: DepthOption = 1_000,
    under: UnderOption = None,
    compare: CompareOption = "",
    limit: LimitOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything drawn.")] = 0,
    skip_missing: SkipOption = False,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Measure how well this library finds, by queries whose answers are known, or by captions."""
    from cli.figures import Evaluated, evaluated_json, print_evaluated
    from cli.progress import Bar
    from cli.render import print_json
    from engine import experiment

    changed = experiment.changed_steps(compare) if compare else None
    folders = tuple(Path(one).expanduser().absolute() for one in under or [])
    trial = experiment.Trial(depth, folders, changed, seed)
    with open_library(read_settings(library)) as opened, Bar(silent=json) as bar:
        plan = experiment.plan(
            opened,
            file,
            kinds=kinds(wanted),
            under=folders,
            skip_missing=skip_missing,
            limit=limit,
            seed=seed,
        )
        outcomes = tuple(experiment.run(opened, plan, trial, bar.searches))
        found = Evaluated(opened, file, plan, trial, compare, outcomes)
        shown = evaluated_json(found)
    if json:
        print_json(shown)
    else:
        print_evaluated(shown)
