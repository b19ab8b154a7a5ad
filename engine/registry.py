"""Adapters by name: each is imported only when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from engine.errors import UsageError


def adapter(table: Mapping[str, str], name: str, role: str) -> Any:  # noqa: ANN401  (callers cast)
    """What a row such as ``"package.module:attribute"`` names.

    Raises:
        UsageError: the table has no such name; it says which there are.
    """
    if name not in table:
        raise UsageError(f"There is no {role} '{name}'.", hint=f"Known: {', '.join(table)}.")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
