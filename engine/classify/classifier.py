"""A fitted classifier: predicts with numpy alone, and is kept as safetensors and JSON."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.classify.heads import Head, Late, unpacked
from engine.errors import ModelError
from engine.fuse.normalise import Floats
from engine.fuse.views import Views, aligned

NUMBERS, FACTS = "classifier.safetensors", "classifier.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What is likely of each row, and what it was told by.

    Attributes:
        labels: the likeliest class of each row, (n,); of equals the first.
        classes: the columns of `probabilities`, (c,).
        probabilities: (n, c), rows sum to 1.
        modalities: the columns of `weights`, (m,).
        weights: (n, m); a row sums to 1, or is all 0 where no modality is there, and all classes
            are equally likely then.
    """

    labels: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Floats
    modalities: tuple[str, ...]
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Tells classes by frozen vectors of one modality or several.

    Attributes:
        labels: the classes, sorted, (c,).
        widths: columns of each modality that it knows.
        kind: how it fuses: single, late, concat, gated, attention, zero-shot or few-shot.
        head: the numbers.
        notes: sentences on what could not be learnt or measured.
        figures: held-out UAR of each kind that was tried; empty where nothing was held out.
    """

    labels: tuple[str, ...]
    widths: Mapping[str, int]
    kind: str
    head: Head
    notes: tuple[str, ...]
    figures: Mapping[str, float]

    def predict(self, views: Views) -> Predictions:
        """Predict rows, each alike alone and in a batch.

        Args:
            views: rows (n, d) of each modality, NaN where one is missing; a modality that is not
                given is missing throughout.

        Raises:
            UsageError: a modality is unknown, of another width, or has rows in NaN by parts.
        """
        likely, own = self.head(aligned(views, self.widths))
        modalities = tuple(self.widths)
        weights = np.zeros((len(own), len(modalities)))
        weights[:, [modalities.index(name) for name in self.head.names]] = own
        best = likely.argmax(axis=1).tolist()
        named = tuple(self.labels[one] for one in best)
        return Predictions(named, self.labels, np.exp(likely), modalities, weights)

    def save(self, path: Path) -> None:
        """Write it to a folder, which is made: numbers as safetensors, the rest as JSON."""
        from safetensors.numpy import save

        path.mkdir(parents=True, exist_ok=True)
        data = save({key: np.ascontiguousarray(one) for key, one in self.head.arrays().items()})
        (path / NUMBERS).write_bytes(data)
        facts = self._facts() | {"sha256": hashlib.sha256(data).hexdigest()}
        (path / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), "utf-8")

    def _facts(self) -> dict[str, Any]:
        unit = isinstance(self.head, Late) and self.head.models[0].unit
        return {
            "format": FORMAT,
            "labels": self.labels,
            "widths": self.widths,
            "kind": self.kind,
            "names": self.head.names,
            "unit": unit,
            "notes": self.notes,
            "figures": self.figures,
        }

    @staticmethod
    def load(path: Path) -> "Classifier":
        """Read what `save` wrote.

        Raises:
            ModelError: there is no classifier, or it is not as it was written.
        """
        from safetensors.numpy import load

        try:
            data = (path / NUMBERS).read_bytes()
            facts = json.loads((path / FACTS).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"There is no readable classifier in {path}.", hint="Fit it again."
            ) from error
        if facts.get("format") != FORMAT or facts.get("sha256") != hashlib.sha256(data).hexdigest():
            raise ModelError(f"The classifier in {path} is damaged.", hint="Fit it again.")
        return _read(facts, load(data))


def _read(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> Classifier:
    head = unpacked(facts["kind"], tuple(facts["names"]), arrays, unit=facts["unit"])
    return Classifier(
        tuple(facts["labels"]),
        facts["widths"],
        facts["kind"],
        head,
        tuple(facts["notes"]),
        facts["figures"],
    )
