"""Folders as open_clip's `local-dir:` loads them: configuration, weights, tokenizer."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

OPENAI = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
HALF = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}

CLIP: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 48,
        "vision_cfg": {
            "image_size": 64,
            "layers": 2,
            "width": 64,
            "head_width": 32,
            "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 2,
        },
    },
    "preprocess_cfg": OPENAI,
}
"""A plain CLIP: OpenAI's tokens, causal text tower, end token pooled."""

VOCABULARY = 400

SIGLIP: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 160,
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "context_length": 64,
            "vocab_size": VOCABULARY,
            "hf_tokenizer_name": "timm/ViT-B-32-SigLIP2-256",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": 64,
            "heads": 4,
            "layers": 2,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    },
    "preprocess_cfg": HALF,
}
"""Like SigLIP 2: a timm tower, a tokenizer of the folder's own, every text filled up."""

ROBERTA: dict[str, Any] = {
    "model_cfg": {
        **SIGLIP["model_cfg"],
        "text_cfg": {
            "hf_model_name": "roberta-base",
            "hf_tokenizer_name": "roberta-base",
            "hf_pooler_type": "mean_pooler",
            "context_length": 40,
        },
    },
    "preprocess_cfg": HALF,
}
"""A text tower of transformers, whose own configuration lies in the folder."""

VIT_B_32: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 512,
        "vision_cfg": {"image_size": 256, "layers": 12, "width": 768, "patch_size": 32},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 512,
            "heads": 8,
            "layers": 12,
        },
    },
    "preprocess_cfg": OPENAI,
}
"""The size of the profile clip-english, for speed."""

SIGLIP_B_32: dict[str, Any] = {
    "model_cfg": {
        **SIGLIP["model_cfg"],
        "embed_dim": 768,
        "vision_cfg": {
            **SIGLIP["model_cfg"]["vision_cfg"],
            "image_size": 256,
            "timm_model_name": "vit_base_patch32_siglip_256",
        },
        "text_cfg": {
            **SIGLIP["model_cfg"]["text_cfg"],
            "vocab_size": 256_000,
            "width": 768,
            "heads": 12,
            "layers": 12,
        },
    },
    "preprocess_cfg": HALF,
}
"""The size of the profile clip, for speed."""


def write(folder: Path, config: dict[str, Any], *, seed: int = 0) -> Path:
    """Write a whole checkpoint of this configuration, its weights drawn at random."""
    import open_clip
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    model_cfg = deepcopy(config["model_cfg"])
    if "hf_model_name" in model_cfg["text_cfg"]:
        _write_roberta_config(folder)
        model_cfg["text_cfg"] |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
    custom = model_cfg.pop("custom_text", False)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layout = open_clip.CustomTextCLIP if custom else open_clip.CLIP
        model: Any = layout(**model_cfg)
        _stir(model)
    write_weights(folder, model.state_dict())
    if model_cfg["text_cfg"].get("hf_tokenizer_name"):
        write_tokenizer(folder, model_cfg["text_cfg"].get("vocab_size", VOCABULARY))
    return folder


def write_weights(folder: Path, state: dict[str, Any]) -> None:
    """Write the weights alone."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().clone().contiguous() for name, value in state.items()}
    save_file(tensors, folder / "open_clip_model.safetensors")


def write_tokenizer(folder: Path, size: int = VOCABULARY) -> None:
    """Write a tokenizer of Gemma's form: spaces as ▁, BPE with bytes to fall back on, <eos>."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    words = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3}
    words |= {f"<0x{byte:02X}>": 4 + byte for byte in range(256)}
    words |= {letter: len(words) + n for n, letter in enumerate("▁abcdefghijklmnopqrstuvwxyz")}
    merges = _merges(words, size)
    unknown = "<unk>"
    tokenizer = Tokenizer(models.BPE(words, merges, unk_token=unknown, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "eos_token": "<eos>",
        "bos_token": "<bos>",
        "unk_token": "<unk>",
        "padding_side": "right",
        "model_max_length": 64,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _write_roberta_config(folder: Path) -> None:
    from transformers import RobertaConfig

    RobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    ).save_pretrained(folder)


def _merges(words: dict[str, int], size: int) -> list[tuple[str, str]]:
    """Add pairs of what is there until there are `size` words."""
    parts = [word for word in words if not word.startswith("<")]
    merges: list[tuple[str, str]] = []
    while len(words) < size:
        for right in parts[1:27]:
            left = parts[len(merges) // 26]
            if len(words) >= size:
                break
            merges.append((left, right))
            words[left + right] = len(words)
            parts.append(left + right)
    return merges


def _stir(model: Any) -> None:
    """Make biases and scales count too: a fresh model has them at 0 and 1."""
    import torch

    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 1:
                value.add_(0.05 * torch.randn_like(value))


def build(folder: Path, config: dict[str, Any], *, seed: int = 0) -> tuple[Path, Path]:
    """Write a checkpoint and build it in this process: the folders of both."""
    from engine.models import openclip

    sources, into = write(folder / "sources", config, seed=seed), folder / "built"
    into.mkdir()
    openclip.build(sources, into)
    return sources, into
