"""The line that a person types: words, weights, words that must occur, conditions on files."""

from engine.grammar.operands import Operand, operand
from engine.grammar.reading import parse
from engine.grammar.writing import unparse

__all__ = ["Operand", "operand", "parse", "unparse"]
