"""Telling classes by frozen vectors of one modality or several."""

from engine.classify.classifier import Classifier, Predictions
from engine.classify.fitting import KINDS, fit
from engine.classify.task import BALANCE

__all__ = ["BALANCE", "KINDS", "Classifier", "Predictions", "fit"]
