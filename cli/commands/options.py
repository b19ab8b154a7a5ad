"""Options that several commands take, declared once."""

from pathlib import Path
from typing import Annotated, Optional

import typer

LibraryOption = Annotated[
    Optional[Path],  # noqa: UP045  (typer prints Optional better)
    typer.Option("--library", help="Folder of the library.", envvar="SEEHEAR_LIBRARY"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
InOption = Annotated[
    str, typer.Option("--in", metavar="KINDS", help="Kinds to find: image,audio,video,text.")
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
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing; downloads included.")]
AcceptOption = Annotated[
    bool, typer.Option("--accept-licence", help="Accept a licence for research only.")
]
