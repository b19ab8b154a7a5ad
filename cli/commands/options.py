"""Options that several commands take, declared once."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typer.core import TyperCommand

from engine.errors import UsageError

LibraryOption = Annotated[
    Optional[Path],  # noqa: UP045  (typer prints Optional better)
    typer.Option("--library", help="Folder of the library.", envvar="SEEHEAR_LIBRARY"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
InOption = Annotated[
    str,
    typer.Option(
        "--in",
        "--kind",
        "--type",
        "--modality",
        metavar="KINDS",
        help="Kinds to find: image,audio,video,text.",
    ),
]
TopOption = Annotated[int, typer.Option("-k", "--top", min=1, help="How many hits at most.")]
PathsOption = Annotated[
    bool, typer.Option("-l", "--paths", "-f", help="Print paths only, one on a line.")
]
NullOption = Annotated[bool, typer.Option("-0", "--null", help="Print paths, each ended by NUL.")]
UnderOption = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--under", metavar="FOLDER", help="Only files below this folder; repeatable."),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="As many hits as -k says, however badly they match.")
]
MinOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--min",
        "--threshold",
        "--min-score",
        metavar="P",
        help="Least relevance of a hit, 0 to 1 (default 0.9).",
    ),
]
BalanceOption = Annotated[
    bool, typer.Option("--balance", help="Some of each kind, as far as there are any.")
]
MomentsOption = Annotated[
    bool, typer.Option("--moments", help="List moments of recordings, not files.")
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Show each reason with its space and score.")
]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing; downloads included.")]
AcceptOption = Annotated[
    bool, typer.Option("--accept-licence", help="Accept a licence for research only.")
]


class WithWords(TyperCommand):
    """A command whose arguments are words: `-dog` among them is a mistake that has a remedy."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  (typer's own)
        """Before `-dog` would be taken for the options -d, -o and -g."""
        flags, takes = {"h"}, set[str]()
        for option in self.params:
            if getattr(option, "is_flag", False):
                flags |= {name[1:] for name in option.opts}
            else:
                takes |= set(option.opts)
        for before, arg in pairwise(["", *args]):
            if arg == "--":
                break
            if before not in takes and _is_dashed_word(arg, flags):
                raise UsageError(
                    f"{arg} is no option.",
                    hint=f"To push it away, write: - {arg[1:]}   or: --not '{arg[1:]}'",
                )
        return super().parse_args(ctx, args)


def _is_dashed_word(arg: str, flags: set[str]) -> bool:
    letters = arg[1:]
    if not arg.startswith("-") or letters.startswith("-") or len(letters) < 2:  # noqa: PLR2004
        return False
    return not set(letters) <= flags and not re.match("k[0-9=]", letters)
