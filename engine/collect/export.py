"""Labels written down for other programs: CSV, JSON lines, and XMP sidecars."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from engine.collect.labels import Labelled
from engine.errors import EngineError, UsageError

OURS = 'x:xmptk="seehear"'
"""Stands in every sidecar of ours, so that nobody else's is written over."""

_SIDECAR = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" {ours}>
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:subject>
    <rdf:Bag>
{items}
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def as_csv(files: Iterable[Labelled]) -> str:
    """A row for each label of each file: path, kind, label, chance."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "kind", "label", "chance"])
    for one in files:
        for label in one.labels:
            writer.writerow(
                [_text(one.path), one.modality.value, label.name, f"{label.chance:.3f}"]
            )
    return out.getvalue()


def as_json_lines(files: Iterable[Labelled]) -> str:
    """An object for each file, on a line of its own."""
    rows = (
        {
            "path": _text(one.path),
            "kind": one.modality.value,
            "labels": {label.name: round(label.chance, 3) for label in one.labels},
        }
        for one in files
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_sidecars(files: Sequence[Labelled], folder: Path) -> int:
    """Write a sidecar for every file that has labels; returns how many were written.

    They lie below the folder as the files lie below the folder that holds their root, under the
    file's whole name and `.xmp`. Nothing is written when one of them would replace a file that
    this did not write.

    Raises:
        UsageError: a sidecar is there that is not ours.
        EngineError: the folder cannot be written.
    """
    wanted = [(_place(one, folder), one) for one in files if one.labels]
    for place, _ in wanted:
        _check_ours(place)
    for place, one in wanted:
        _write(place, _sidecar(one))
    return len(wanted)


def _place(one: Labelled, folder: Path) -> Path:
    within = one.path.relative_to(one.root.parent)
    return folder / within.with_name(f"{one.path.name}.xmp")


def _check_ours(place: Path) -> None:
    try:
        is_ours = OURS in place.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError:
        is_ours = False
    if not is_ours:
        raise UsageError(
            f"{place} was not written by seehear, so it is not written over.",
            hint="Nothing was written. Choose another folder: --export xmp:FOLDER",
        )


def _sidecar(one: Labelled) -> str:
    lines = (f"     <rdf:li>{escape(_clean(label.name))}</rdf:li>" for label in one.labels)
    return _SIDECAR.format(ours=OURS, items="\n".join(lines))


def _clean(name: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c for c in name if c.isprintable())


def _write(place: Path, text: str) -> None:
    part = place.with_name(f"{place.name}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(place)
    except OSError as error:
        raise EngineError(
            f"{place} cannot be written: {error.strerror}.",
            hint="Choose another folder: --export xmp:FOLDER",
        ) from error


def _text(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")
