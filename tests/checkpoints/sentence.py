"""A folder as sentence-transformers saves it: small, complete, randomly initialised."""

import json
from pathlib import Path
from typing import Any

from checkpoints.words import write_unigrams, write_wordpieces

SIZES = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 140,
}
MODULES = ("Transformer", "Pooling", "Normalize")
E5 = {"query": "query: ", "passage": "passage: "}


def write_sentence(
    folder: Path, family: str = "bert", *, pooling: str = "mean_tokens", **said: Any
) -> Path:
    """Write a model of a family (``bert``, ``xlm-roberta``); returns the folder.

    Args:
        folder: is made.
        family: which network and which kind of tokenizer.
        pooling: its mode, in sentence-transformers' words.
        said: more for config_sentence_transformers.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = write_wordpieces(folder) if family == "bert" else write_unigrams(folder)
    _network(family, words).save_pretrained(folder)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _write(folder / "1_Pooling" / "config.json", **{f"pooling_mode_{pooling}": True})
    _write(folder / "sentence_bert_config.json", max_seq_length=32, do_lower_case=False)
    _write(folder / "config_sentence_transformers.json", **({"prompts": {}} | said))
    write_modules(folder, *MODULES)
    return folder


def write_modules(folder: Path, *names: str) -> None:
    """Write modules.json, a bare name standing for a class of sentence-transformers."""
    rows = [
        {
            "idx": at,
            "name": str(at),
            "path": f"{at}_{name.rpartition('.')[2]}" if at else "",
            "type": name if "." in name else f"sentence_transformers.models.{name}",
        }
        for at, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(rows))


def write_dense(folder: Path, *, width: int, activation: str = "Tanh") -> Path:
    """Put a dense layer of this width behind the pooling."""
    import torch
    from safetensors.torch import save_file

    write_modules(folder, "Transformer", "Pooling", "Dense", "Normalize")
    (folder / "2_Dense").mkdir()
    kind = activation if "." in activation else f"torch.nn.modules.activation.{activation}"
    _write(
        folder / "2_Dense" / "config.json",
        in_features=48,
        out_features=width,
        bias=True,
        activation_function=kind,
    )
    random = torch.Generator().manual_seed(1)
    weights = {
        "linear.weight": torch.randn(width, 48, generator=random) / 7,
        "linear.bias": torch.randn(width, generator=random),
    }
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


def _network(family: str, words: int) -> Any:
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(family, vocab_size=words, **SIZES)
    config.pad_token_id = 1 if family == "xlm-roberta" else 0
    model = AutoModel.from_config(config)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() > 1:
                spread = 1.0 if "embeddings" in name else 1.3 / value.shape[1] ** 0.5
                value.normal_(0.0, spread, generator=random)
    return model


def _write(file: Path, **content: Any) -> None:
    file.write_text(json.dumps(content))
