"""A checkpoint as LAION's training script saves it: complete, randomly initialised."""

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from checkpoints.clap import liven
from checkpoints.words import write_roberta_tokenizer
from engine.models.laion_code import Code

BASE = {"embed_dim": 128, "depths": [2, 2, 12, 2], "num_heads": [4, 8, 16, 32]}
SMALL = {"embed_dim": 16, "depths": [2, 1, 1, 2], "num_heads": [2, 2, 4, 4]}

AUDIO = {
    "model_type": "HTSAT",
    "model_name": "tiny",
    "sample_rate": 48000,
    "window_size": 1024,
    "hop_size": 480,
    "fmin": 50,
    "fmax": 14000,
    "mel_bins": 64,
    "clip_samples": 480000,
    "audio_length": 1024,
}
WORDS = 420


def reference(code: Code, sizes: dict[str, Any], *, fused: bool = False) -> Any:
    """LAION's CLAP of these sizes, with lively random weights, and texts of one small layer."""
    from transformers import RobertaConfig, RobertaModel

    fusion = {"enable_fusion": fused, "fusion_type": "aff_2d" if fused else "None"}
    code.model.create_htsat_model = lambda config, *_: code.htsat.HTSAT_Swin_Transformer(
        spec_size=256,
        patch_size=4,
        patch_stride=(4, 4),
        num_classes=7,
        window_size=8,
        config=config,
        **sizes,
        **fusion,
    )
    roberta = RobertaConfig(
        vocab_size=WORDS,
        hidden_size=768,
        num_hidden_layers=1,
        num_attention_heads=12,
        intermediate_size=64,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    code.model.RobertaModel = SimpleNamespace(from_pretrained=lambda _: RobertaModel(roberta))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, on how old the code is
        model = code.model.CLAP(
            sizes["embed_dim"] * 8,
            {**AUDIO, "class_num": 7},
            code.model.CLAPTextCfg(77, 1, 1, 1, 1, "roberta"),
            joint_embed_shape=64,
            **fusion,
        )
    kept = {k: v.clone() for k, v in model.state_dict().items() if "extractor" in k}
    liven(model, loudness=0.0 if fused else -25.0)
    model.load_state_dict(kept, strict=False)
    return model.eval()


def write_laion(folder: Path, model: Any, *, tokenizer: bool = True) -> Path:
    """Write the checkpoint, its weights named as training on many GPUs leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    state["module.text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    checkpoint = {"epoch": 3, "name": "630k", "state_dict": state, "optimizer": {"state": {}}}
    file = folder / "630k-audioset-best.pt"
    torch.save(checkpoint, file)
    if tokenizer:
        write_roberta_tokenizer(folder)
    return file
