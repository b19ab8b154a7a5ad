"""Builds the sentence encoder: the checkpoint's BERT as one ONNX graph. Runs in the child."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

LAYERS, HEADS, WIDTH = 6, 12, 384
WORDS, POSITIONS, KINDS = 30522, 512, 2
EPSILON = 1e-12

_OUTER = {
    "embeddings.word_embeddings": "word",
    "embeddings.position_embeddings": "position",
    "embeddings.token_type_embeddings": "kind",
    "embeddings.LayerNorm": "norm",
}
_INNER = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "out",
    "attention.output.LayerNorm": "attended",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "settled",
}


class Layer(nn.Module):
    """Self-attention, then two dense layers, each added to its input and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.attended = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.settled = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Tokens (n, t, width) and an additive mask (n, 1, 1, t)."""
        query, key, value = (_heads(f(x)) for f in (self.query, self.key, self.value))
        weight = torch.softmax(query @ key.transpose(2, 3) / (WIDTH // HEADS) ** 0.5 + bias, dim=-1)
        x = self.attended(x + self.out((weight @ value).transpose(1, 2).flatten(2)))
        settled: Tensor = self.settled(x + self.down(functional.gelu(self.up(x))))
        return settled


class SentenceEncoder(nn.Module):
    """Token ids to the mean of the last layer's tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(WORDS, WIDTH)
        self.position = nn.Embedding(POSITIONS, WIDTH)
        self.kind = nn.Embedding(KINDS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and mask, both int64 (n, t), to vectors (n, width)."""
        at = torch.arange(ids.shape[1])
        x = self.norm(self.word(ids) + self.position(at) + self.kind.weight[0])
        seen = mask.to(x.dtype)
        bias = (1.0 - seen)[:, None, None, :] * -1e9
        for layer in self.layers:
            x = layer(x, bias)
        seen = seen[:, :, None]
        pooled: Tensor = (x * seen).sum(1) / seen.sum(1).clamp(min=1e-9)
        return pooled


def build(sources: Path, into: Path) -> None:
    """Write minilm.onnx and tokenizer.json."""
    model = SentenceEncoder()
    model.load_state_dict(_renamed(load_file(sources / "model.safetensors")), strict=True)
    ids = torch.ones(2, 7, dtype=torch.int64)
    torch.onnx.export(
        model.eval(),
        (ids, torch.ones_like(ids)),
        str(into / "minilm.onnx"),
        input_names=["ids", "mask"],
        output_names=["vector"],
        dynamic_axes={"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}, "vector": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    shutil.copyfile(sources / "tokenizer.json", into / "tokenizer.json")


def _heads(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], x.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    names = dict(_OUTER)
    for i in range(LAYERS):
        names |= {f"encoder.layer.{i}.{old}": f"layers.{i}.{new}" for old, new in _INNER.items()}
    parts = {key: key.rpartition(".") for key in state}
    return {
        f"{names[stem]}.{tail}": state[key].float()
        for key, (stem, _, tail) in parts.items()
        if stem in names  # the pooler and the position ids are not used
    }
