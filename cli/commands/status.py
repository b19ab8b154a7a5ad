"""`seehear status`: what the library holds."""

from cli.commands.options import JsonOption, LibraryOption
from cli.render import console, path_json, print_json, shown
from cli.settings import read_settings
from cli.wiring import open_library


def command(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Show what the library holds, and which files could not be indexed."""
    with open_library(read_settings(library), any_encoders=True) as opened:
        found = opened.status()
    if json:
        print_json(
            {
                "library": path_json(opened.path)["path"],
                "profile": found.profile,
                "roots": [path_json(root)["path"] for root in found.roots],
                "files": {kind.value: count for kind, count in found.files.items()},
                "segments": {kind.value: count for kind, count in found.segments.items()},
                "problems": [{**path_json(p), "reason": why} for p, why in found.problems],
            }
        )
        return
    out = console()
    out.print(f"Library  {shown(opened.path)}  (profile {found.profile})", markup=False)
    for root in found.roots:
        away = "" if root.is_dir() else "  (not there now; still searchable)"
        out.print(f"Folder   {shown(root)}{away}", markup=False)
    for kind, count in sorted(found.files.items()):
        segments = found.segments.get(kind, 0)
        out.print(f"{kind.value:<7}  {count:,} files, {segments:,} segments", markup=False)
    for remark in opened.remarks:
        out.print(f"Note     {remark}", style="yellow", markup=False)
    for path, why in found.problems:
        out.print(f"  skipped {shown(path)}: {why}", style="yellow", markup=False)
