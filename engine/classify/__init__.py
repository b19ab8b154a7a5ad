"""Telling classes by frozen vectors of one modality or several."""

from engine.classify.classifier import Classifier, Predictions
from engine.classify.evaluation import ClassReport, evaluate
from engine.classify.fitting import KINDS, fit
from engine.classify.task import BALANCE
from engine.classify.zero import few_shot, zero_shot

__all__ = [
    "BALANCE",
    "KINDS",
    "ClassReport",
    "Classifier",
    "Predictions",
    "evaluate",
    "few_shot",
    "fit",
    "zero_shot",
]
