"""`seehear status`: what the library holds, and how it lies on disk."""

from cli.commands.options import JsonOption, LibraryOption
from cli.settings import read_settings
from cli.wiring import open_library


def command(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Show what the library holds, and which files could not be indexed."""
    from cli.overview import print_status, print_status_json

    with open_library(read_settings(library), any_encoders=True) as opened:
        (print_status_json if json else print_status)(opened)
