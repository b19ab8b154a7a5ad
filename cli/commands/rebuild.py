"""`seehear rebuild`: make everything derived again."""

from cli.commands.options import LibraryOption
from cli.render import console
from cli.settings import read_settings
from cli.wiring import open_library


def command(library: LibraryOption = None) -> None:
    """Throw away the search snapshots and make them again from the catalogue."""
    with open_library(read_settings(library)) as opened:
        count = opened.rebuild()
    console().print(f"Made {count} snapshots from the catalogue.")
