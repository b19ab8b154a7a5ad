"""What models and profiles there are: the shipped registry, and the user's own beside it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platformdirs import user_config_path

from engine.errors import UsageError

SHIPPED = Path(__file__).parents[1] / "profiles.toml"

KINDS = frozenset({"image", "audio", "text"})

OPEN, RESEARCH = "open", "research"

_ID = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A figure that somebody published of a model, to be met before ours are believed.

    Attributes:
        on: the task and the metric.
        is_: the published value.
        accept: how far ours may be from it.
        source: where it stands.
    """

    on: str
    is_: float
    accept: float
    source: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model of the registry. What is None is read from the weights' own configuration.

    Attributes:
        id: short and stable; also its id in models.lock, and the name of its space.
        adapter: which module of engine.encode loads it.
        summary: a line for people.
        kinds: modalities that it embeds.
        licence: ``open`` or ``research``; the licence's own name stands in models.lock.
        dim: components of a vector.
        pixels: side of the picture that the network sees.
        rate: samples per second of the sound that it hears.
        window_ms: length of one window of sound.
        hop_ms: from one window's start to the next one's.
        tokens: how much of a text it reads.
        languages: in words.
        source: of the weights when models.lock has none: ``folder:PATH``, ``file:PATH`` or
            ``hub:OWNER/NAME@COMMIT``.
        open_clip: name and tag under which open_clip knows it.
        anchors: published figures.
    """

    id: str
    adapter: str
    summary: str = ""
    kinds: tuple[str, ...] = ()
    licence: str = OPEN
    dim: int | None = None
    pixels: int | None = None
    rate: int | None = None
    window_ms: int | None = None
    hop_ms: int | None = None
    tokens: int | None = None
    languages: str = ""
    source: str = ""
    open_clip: str = ""
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile of the registry.

    Attributes:
        name: what the user calls it.
        summary: a line for people.
        models: ids of models; the first that takes a modality answers words about it.
        bridges: names of bridges, or ``MODEL<->MODEL`` for one fitted on anchor texts.
        hidden: for tests and development.
    """

    name: str
    models: tuple[str, ...]
    summary: str = ""
    bridges: tuple[str, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Registry:
    """All models and profiles, by id and name."""

    models: Mapping[str, ModelRow]
    profiles: Mapping[str, ProfileRow]

    def model(self, model_id: str) -> ModelRow:
        """The row of a model; UsageError for an unknown id."""
        if model_id not in self.models:
            raise UsageError(f"There is no model '{model_id}'.", hint="See: seehear models list")
        return self.models[model_id]

    def profile(self, name: str) -> ProfileRow:
        """The row of a profile; UsageError for an unknown name."""
        if name not in self.profiles:
            known = ", ".join(one.name for one in self.profiles.values() if not one.hidden)
            raise UsageError(f"There is no profile '{name}'.", hint=f"Known: {known}.")
        return self.profiles[name]


def user_file() -> Path:
    """Where the user's own models and profiles are written down; it need not exist."""
    return user_config_path("seehear", appauthor=False) / "profiles.toml"


def registry() -> Registry:
    """The shipped registry with the user's own rows added.

    Raises:
        UsageError: the user's file cannot be read, has an unknown key, or names what is shipped.
    """
    mine = user_file()
    try:
        text = mine.read_text("utf-8")
    except OSError:
        text = ""
    return _merged(SHIPPED.read_text("utf-8"), text, mine)


@lru_cache(maxsize=8)
def _merged(shipped: str, own: str, own_file: Path) -> Registry:
    base = _parsed(shipped, SHIPPED)
    extra = _parsed(own, own_file)
    twice = [*(base.models.keys() & extra.models), *(base.profiles.keys() & extra.profiles)]
    if twice:
        raise UsageError(
            f"{own_file} names what seehear ships already: {', '.join(sorted(twice))}.",
            hint="Give your own another name.",
        )
    return Registry(
        MappingProxyType({**base.models, **extra.models}),
        MappingProxyType({**base.profiles, **extra.profiles}),
    )


def _parsed(text: str, file: Path) -> Registry:
    try:
        tables = tomllib.loads(text)
        models = {id_: _model(id_, **row) for id_, row in tables.pop("model", {}).items()}
        rows = tables.pop("profile", {})
        profiles = {name: _row(ProfileRow, name=name, **row) for name, row in rows.items()}
        _check_none_left(tables)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", hint="See docs/models.md") from error
    return Registry(models, profiles)


def _check_none_left(tables: Mapping[str, Any]) -> None:
    if tables:
        raise ValueError(f"unknown table [{next(iter(tables))}]")


def _model(id_: str, *, anchors: list[dict[str, Any]] | None = None, **row: Any) -> ModelRow:  # noqa: ANN401
    published = tuple(
        Anchor(one["on"], one["is"], one["accept"], one["source"]) for one in anchors or ()
    )
    if not _ID.fullmatch(id_):
        raise ValueError(f"model {id_!r}: an id has letters, digits, '.', '_' and '-' only")
    found: ModelRow = _row(ModelRow, id=id_, anchors=published, **row)
    if not set(found.kinds) <= KINDS:
        raise ValueError(f"model {id_}: kinds are a list of {', '.join(sorted(KINDS))}")
    if found.licence not in {OPEN, RESEARCH}:
        raise ValueError(f"model {id_}: licence is '{OPEN}' or '{RESEARCH}', not {found.licence!r}")
    return found


_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "bool": (bool,), "tuple": (list, tuple)
}  # fmt: skip
"""What a field may be in the file, by how its annotation begins."""


def _row(kind: type, **row: Any) -> Any:  # noqa: ANN401  (a row of the asked kind)
    known = {one.name: one.type for one in fields(kind)}
    name = row.get("id") or row.get("name")
    for key, value in row.items():
        if key not in known:
            raise ValueError(f"'{name}' has an unknown key '{key}'")
        wanted = next((kind for kind in _PLAIN if str(known[key]).startswith(kind)), "")
        if wanted and not isinstance(value, _PLAIN[wanted]):
            raise ValueError(f"'{name}' has {key} = {value!r}, which is of the wrong kind")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
