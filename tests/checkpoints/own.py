"""A person's own models: folders that their profiles.toml names, in a home of their own."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.models import registry
from engine.models.registry import ModelRow


@contextmanager
def own_models(home: Path, models: Mapping[str, tuple[str, Path]]) -> Iterator[dict[str, ModelRow]]:
    """Register models by id, adapter and folder; meanwhile this process reaches no network."""
    config = home / "config" / "seehear"
    config.mkdir(parents=True, exist_ok=True)
    tables = [
        f'[model.{name}]\nadapter = "{adapter}"\nsource = {json.dumps(f"folder:{folder}")}\n'
        for name, (adapter, folder) in models.items()
    ]
    (config / "profiles.toml").write_text("\n".join(tables))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("SEEHEAR_DEVICE", "cpu")
        patch.setenv("SEEHEAR_PRECISION", "f32")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr(socket.socket, "connect", _refuse)
        yield {name: registry().model(name) for name in models}


def _refuse(*_: Any) -> None:
    raise AssertionError("the network was asked")
