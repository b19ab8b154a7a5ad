"""Labels that classifiers gave: `angry`, `emotion/angry`, `angry>0.8`."""

import re

from engine.grammar.tokens import Piece
from engine.query import LEAST_CHANCE, Given

_CHANCE = re.compile(
    r"(?P<name>.*?)\s*(?P<sign><=|>=|=<|=>|[<>=≤≥])\s*(?P<chance>\d{1,9}(?:\.\d{0,6})?|\.\d{1,6})",
    re.DOTALL | re.ASCII,
)
_LEAST = frozenset({">=", "=>", "≥"})
_ABOVE = frozenset({">"})
_SIGNS = "<>=≤≥"
_ALONE = "/"
"""Between the name of a classifier and a label; before a label, it may hold one itself."""


def given(piece: Piece) -> Given:
    """The label that a value names; GrammarError when it names none."""
    text = piece.text.strip()
    found = _CHANCE.fullmatch(text)
    classifier, _, label = _parted(found["name"] if found else text)
    if not label or label[0] in _SIGNS:
        raise piece.mistake("A label is missing.", "Write for example label:angry or angry>0.8")
    if found is None:
        return Given(label, classifier)
    if found["sign"] not in _LEAST | _ABOVE:
        raise piece.mistake(
            f"A label is not asked for with '{found['sign']}'.",
            f"For what has it less: -label:{label}>={found['chance']}",
        )
    chance = float(found["chance"])
    if not LEAST_CHANCE <= chance <= 1:
        raise piece.mistake(
            f"{found['chance']} is no chance of a label.",
            f"Write one from {LEAST_CHANCE} to 1: label:angry>0.8",
        )
    return Given(label, classifier, chance, above=found["sign"] in _ABOVE)


def _parted(text: str) -> tuple[str, str, str]:
    """The classifier, which may be empty, and the label."""
    before, between, after = text.partition(_ALONE)
    return (before.strip(), between, after.strip()) if between else ("", "", text.strip())


def given_written(one: Given) -> str:
    """A label as one would type it; reads back as the same."""
    name = one.label
    if one.classifier or _ALONE in name:
        name = f"{one.classifier}{_ALONE}{name}"
    if one.least is None:
        return name
    chance = f"{one.least:.6f}".rstrip("0").rstrip(".")
    return f"{name}{'>' if one.above else '>='}{chance}"
