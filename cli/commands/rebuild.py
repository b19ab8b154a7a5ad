"""`seehear rebuild`: make everything derived again."""

from cli.commands.options import LibraryOption
from cli.render import console
from cli.settings import read_settings
from cli.wiring import open_library


def command(library: LibraryOption = None) -> None:
    """Make everything derived again from the catalogue: snapshots, words, facts of files."""
    with open_library(read_settings(library)) as opened:
        count = opened.rebuild()
        remarks = opened.remarks
    for remark in remarks:
        console(stderr=True).print(f"Note: {remark}", markup=False)
    console().print(f"Made {count} snapshots, and all that words and conditions read.")
