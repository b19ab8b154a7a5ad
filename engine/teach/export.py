"""What a classifier said, written down for other programs: CSV, JSON."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import EngineError, UsageError
from engine.teach.classes import Predicted

_DIGITS = 6


def as_csv(found: Sequence[Predicted]) -> str:
    """A row for each file: path, kind, label, probability, then `p:LABEL` and `weight:CHANNEL`."""
    labels = sorted({guess.label for one in found for guess in one.guesses})
    channels = sorted({name for one in found for name in one.guesses[0].weights})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["path", "kind", "label", "probability"]
    writer.writerow([*head, *(f"p:{one}" for one in labels), *(f"weight:{c}" for c in channels)])
    for one in found:
        chances = {guess.label: guess.probability for guess in one.guesses}
        best = one.guesses[0]
        numbers = [best.probability, *(chances[label] for label in labels)]
        numbers += [best.weights[channel] for channel in channels]
        shown = [f"{number:.{_DIGITS}f}" for number in numbers]
        for path in one.paths:
            writer.writerow([_text(path), one.modality.value, best.label, *shown])
    return out.getvalue()


def as_rows(found: Iterable[Predicted]) -> list[dict[str, Any]]:
    """An object for each file, as JSON values."""
    return [
        {
            "path": _text(path),
            "kind": one.modality.value,
            "label": one.guesses[0].label,
            "probability": round(one.guesses[0].probability, _DIGITS),
            "probabilities": {g.label: round(g.probability, _DIGITS) for g in one.guesses},
            "weights": {
                channel: round(share, _DIGITS) for channel, share in one.guesses[0].weights.items()
            },
        }
        for one in found
        for path in one.paths
    ]


def checked_place(place: Path) -> Path:
    """Where to write; UsageError when its name says neither CSV nor JSON."""
    if place.suffix.lower() not in {".csv", ".json"}:
        raise UsageError(f"{place} is neither CSV nor JSON by its name.", hint="--to labels.csv")
    return place.expanduser().absolute()


def write(found: Sequence[Predicted], place: Path) -> None:
    """Write all to a file whose name ends in .csv or .json, as a whole or not at all."""
    is_csv = place.suffix.lower() == ".csv"
    rows = {"files": as_rows(found)}
    text = as_csv(found) if is_csv else json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    part = place.with_name(f"{place.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(place)
    except OSError as error:
        raise EngineError(
            f"{place} cannot be written: {error.strerror}.",
            hint="The labels are in the library; choose another place: --to FILE",
        ) from error


def _text(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")
