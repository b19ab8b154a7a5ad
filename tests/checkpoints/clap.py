"""A folder as transformers' ClapModel saves it: small, complete, randomly initialised."""

import json
from pathlib import Path
from typing import Any

from checkpoints.words import write_roberta_tokenizer

AUDIO = {
    "patch_embeds_hidden_size": 16,
    "hidden_size": 128,
    "depths": [2, 1, 1, 2],
    "num_attention_heads": [2, 2, 4, 4],
}
TINY = {
    "patch_embeds_hidden_size": 96,
    "hidden_size": 768,
    "depths": [2, 2, 6, 2],
    "num_attention_heads": [4, 8, 16, 32],
}
"""HTSAT-tiny as LAION's checkpoints have it."""

TEXT = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 130,
}
FUSION = {"enable_fusion": True, "fusion_type": "aff_2d"}


def write_clap(folder: Path, *, fused: bool = False, audio: dict[str, Any] | None = None) -> Path:
    """Write config, weights, feature extractor and tokenizer; returns the folder."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    folder.mkdir(parents=True, exist_ok=True)
    words = write_roberta_tokenizer(folder)
    config = ClapConfig(
        text_config={**TEXT, "vocab_size": words},
        audio_config={**(audio or AUDIO), **(FUSION if fused else {})},
        projection_dim=64,
    )
    model = ClapModel(config)
    liven(model, loudness=0.0 if fused else -25.0)
    model.save_pretrained(folder)
    ClapFeatureExtractor(
        frequency_min=50, truncation="fusion" if fused else "rand_trunc"
    ).save_pretrained(folder)
    return folder


def liven(model: Any, *, loudness: float = -25.0) -> None:
    """Give a network weights by which inputs that differ a little come out quite different.

    At their usual initialisation deep networks map all sounds to nearly one vector, and no
    comparison of vectors would notice anything. `loudness` is what the network takes for usual, in
    decibels of its own mel scale.
    """
    import torch

    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() >= 2:
                spread = 1.2 / value[0].numel() ** 0.5
                value.normal_(0.0, 1.0 if "embeddings" in name else spread, generator=random)
            elif name.endswith("bias"):
                value.normal_(0.0, 0.05, generator=random)
        for name, value in model.named_buffers():
            if name.endswith("running_mean"):
                value.fill_(loudness if value.numel() == 64 else 0.0)
            elif name.endswith("running_var"):
                value.fill_(250.0 if value.numel() == 64 else 1.0)


def edit(file: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None removes one."""
    content = json.loads(file.read_text())
    content |= changes
    file.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
