"""Builds the tower of a sentence encoder: a folder as sentence-transformers saves it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.export import read_json, stated, write_towers
from engine.models.pretrained import (
    LOCAL,
    export_words,
    fit,
    offline,
    read_tokenizer,
    read_weights,
)

MODULES = "modules.json"
KNOWN = re.compile(r"sentence_transformers(\.\w+)*\.(Transformer|Pooling|Normalize|Dense)")
POOLINGS = ("cls", "mean", "max")
ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": nn.Tanh,
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.linear.Identity": nn.Identity,
}
MOST_TOKENS = 512
"""What is read of a text when the folder sets no limit."""


def cls(states: Tensor, _mask: Tensor) -> Tensor:
    """The first token's state (n, width)."""
    return states[:, 0]


def mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean state (n, width) of the tokens that the mask (n, t) has."""
    seen = mask.unsqueeze(-1).to(states.dtype)
    return (states * seen).sum(1) / seen.sum(1).clamp(min=1e-9)


def largest(states: Tensor, mask: Tensor) -> Tensor:
    """The largest value (n, width) of each component among the tokens of the mask (n, t)."""
    hidden = mask.unsqueeze(-1) == 0
    return states.masked_fill(hidden, -1e9).amax(1)


_POOLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cls": cls, "mean": mean, "max": largest}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a folder says of how its vectors are made.

    Attributes:
        pooling: ``cls``, ``mean`` or ``max``.
        tokens: the most that is read of a text.
        lower: whether texts are put into lower case first.
        prefix: what is written before every text.
        dense: names of settings and weights of the layers behind the pooling.
    """

    pooling: str
    tokens: int
    lower: bool
    prefix: str
    dense: tuple[tuple[Path, Path], ...]


class Reader(nn.Module):
    """A language model, pooled, and the layers behind it."""

    def __init__(self, model: Any, pooling: str, dense: nn.Sequential) -> None:  # noqa: ANN401
        super().__init__()
        self.model, self.pool, self.dense = model, _POOLS[pooling], dense

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and mask (n, t) to vectors (n, dim)."""
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        vectors: Tensor = self.dense(self.pool(states, mask))
        return vectors


def build(sources: Path, into: Path) -> None:
    """Write text.onnx, rows.safetensors, tokenizer.json and towers.json."""
    with stated():
        model = load(sources)
        settings = read_settings(sources, model.config)
        reader = Reader(model, settings.pooling, _layers(settings)).eval()
        tokenizer = read_tokenizer(sources, settings.tokens)
        _normalise(tokenizer, lower=settings.lower)
        pad = model.config.pad_token_id or 0
        table = model.get_input_embeddings()
        text = export_words(
            reader, reader, tokenizer, into, table=table, pad=pad, prefix=settings.prefix
        )
        write_towers(into, _dim(reader, model.config), text=text)


def load(sources: Path) -> Any:  # noqa: ANN401  (any of transformers' models)
    """The folder's language model in float32.

    Raises:
        ModelError: if its configuration or its weights are off.
    """
    offline()
    from transformers import AutoConfig, AutoModel

    read_json(sources / "config.json")  # refused where it would have code run
    try:
        config = AutoConfig.from_pretrained(sources, **LOCAL)
    except (ValueError, KeyError, OSError) as error:
        raise ModelError(f"config.json describes no known model: {error}") from error
    # Of its ways to attend, this one can be traced, and every model has it.
    options = {"trust_remote_code": False, "attn_implementation": "eager"}
    model = AutoModel.from_config(config, **options)  # type: ignore[no-untyped-call]
    prefix = f"{model.base_model_prefix}."
    state = {name.removeprefix(prefix): value for name, value in read_weights(sources).items()}
    fit(model, state, unused=r"pooler\.")
    return model


def read_settings(sources: Path, config: Any) -> Settings:  # noqa: ANN401  (transformers' own class)
    """What the folder says of pooling, lengths and prompts.

    Raises:
        ModelError: naming what is said and not known.
    """
    dense = []
    pooling: dict[str, Any] = {}
    for kind, place in _modules(sources):
        if kind == "Pooling":
            pooling = read_json(_file(sources, place, "config.json"))
        elif kind == "Dense":
            files = [_file(sources, place, name) for name in ("config.json", "model.safetensors")]
            dense.append((files[0], files[1]))
    said = _optional(sources, "sentence_bert_config.json")
    prefix = _prefix(sources)
    if prefix and not pooling.get("include_prompt", True):
        raise ModelError("the pooling leaves the prompt out, and that is not known here")
    return Settings(
        _pooling(pooling),
        _tokens(said, _optional(sources, "tokenizer_config.json"), config),
        bool(said.get("do_lower_case", False)),
        prefix,
        tuple(dense),
    )


def _modules(sources: Path) -> list[tuple[str, str]]:
    if not (sources / MODULES).is_file():
        return []
    try:
        said = json.loads((sources / MODULES).read_bytes())
        modules = [(str(one["type"]), str(one["path"])) for one in said]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{MODULES} cannot be read: {error}") from error
    for kind, _ in modules:
        if not KNOWN.fullmatch(kind):
            raise ModelError(f"{MODULES} names {kind}, which would have to be run")
    names = [kind.rpartition(".")[2] for kind, _ in modules]
    if not re.fullmatch("Transformer,Pooling,(Dense,)*(Normalize,)?", ",".join([*names, ""])):
        raise ModelError(f"{MODULES} puts its parts in an order that is not known: {names}")
    return [(name, place) for name, (_, place) in zip(names, modules, strict=True)]


def _file(sources: Path, place: str, name: str) -> Path:
    """A module's file: ``1_Pooling/config.json``, or ``pooling.json`` in a folder made flat."""
    flat = f"{place.partition('_')[2].lower()}{Path(name).suffix}"
    for path in (sources / Path(place).name / name, sources / flat):
        if path.is_file():
            return path
    raise ModelError(f"{MODULES} names {place}, and {flat} is not in the folder")


def _pooling(said: dict[str, Any]) -> str:
    modes = [
        key for key, value in said.items() if key.startswith("pooling_mode_") and value is True
    ]
    names = [mode.removeprefix("pooling_mode_").removesuffix("_token") for mode in modes]
    if isinstance(said.get("pooling_mode"), str):
        names = [said["pooling_mode"]]
    names = [name.removesuffix("_tokens") for name in names] or ["mean"]
    if len(names) != 1 or names[0] not in POOLINGS:
        raise ModelError(f"the pooling {' + '.join(names)} is not known ({', '.join(POOLINGS)})")
    return names[0]


def _tokens(said: dict[str, Any], tokenizer: dict[str, Any], config: Any) -> int:  # noqa: ANN401
    # RoBERTa and its kin count positions from behind the padding's.
    shift = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    positions = getattr(config, "max_position_embeddings", None) or MOST_TOKENS
    limits = [said.get("max_seq_length"), tokenizer.get("model_max_length"), positions - shift]
    return min(int(one) for one in limits if one)


def _prefix(sources: Path) -> str:
    said = _optional(sources, "config_sentence_transformers.json")
    name = said.get("default_prompt_name")
    prompts = said.get("prompts") or {}
    if name and name not in prompts:
        raise ModelError(f"the prompt '{name}' is not among the folder's prompts")
    return str(prompts[name]) if name else ""


def _optional(sources: Path, name: str) -> dict[str, Any]:
    return read_json(sources / name) if (sources / name).is_file() else {}


def _layers(settings: Settings) -> nn.Sequential:
    made = []
    for file, weights in settings.dense:
        said = read_json(file)
        activation = str(said.get("activation_function", "torch.nn.modules.activation.Tanh"))
        if activation not in ACTIVATIONS:
            raise ModelError(f"{file.name} names {activation}, which would have to be run")
        linear = nn.Linear(
            said["in_features"], said["out_features"], bias=bool(said.get("bias", True))
        )
        state = read_weights(weights.parent, (weights.name,))
        fit(linear, {name.removeprefix("linear."): value for name, value in state.items()})
        made += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*made)


def _dim(reader: Reader, config: Any) -> int:  # noqa: ANN401  (transformers' own class)
    widths = [int(one.out_features) for one in reader.dense if isinstance(one, nn.Linear)]
    return widths[-1] if widths else int(config.hidden_size)


def _normalise(tokenizer: Any, *, lower: bool) -> None:  # noqa: ANN401  (tokenizers ships no types)
    # sentence-transformers does these to the words before any tokenizer sees them.
    from tokenizers import normalizers

    steps = [normalizers.Strip(), *([normalizers.Lowercase()] if lower else [])]
    own = [tokenizer.normalizer] if tokenizer.normalizer else []
    tokenizer.normalizer = normalizers.Sequence([*steps, *own])
