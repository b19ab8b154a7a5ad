"""How well a library finds: questions with known answers, asked of it, and what came of them."""

from engine.experiment.changes import changed_steps
from engine.experiment.judgements import Row, Table, read_judgements
from engine.experiment.plan import Plan, plan
from engine.experiment.questions import (
    Asked,
    Direction,
    Question,
    Shelf,
    from_captions,
    from_judgements,
    sampled,
)
from engine.experiment.trial import DEPTH, Figure, Outcome, Pace, Trial, run

__all__ = [
    "DEPTH",
    "Asked",
    "Direction",
    "Figure",
    "Outcome",
    "Pace",
    "Plan",
    "Question",
    "Row",
    "Shelf",
    "Table",
    "Trial",
    "changed_steps",
    "from_captions",
    "from_judgements",
    "plan",
    "read_judgements",
    "run",
    "sampled",
]
