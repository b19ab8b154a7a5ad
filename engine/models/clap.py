"""Builds the towers of a CLAP checkpoint as transformers saves it (Wu et al., ICASSP 2023)."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.export import export_dense, read_json, stated, write_towers
from engine.models.pretrained import (
    export_words,
    fit,
    offline,
    read_tokenizer,
    read_weights,
)

PREPROCESSOR = "preprocessor_config.json"
TOKENS = 77
"""What LAION trained with; the tokenizers themselves would read 512."""

SCALES = {"rand_trunc": "slaney", "fusion": "htk"}
"""Mel scale by the way in which the feature extractor would have cut long sounds."""

_PROBES = 4


class Listener(nn.Module):
    """The audio tower behind the spectrogram, with everything decided that is always the same."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (transformers' own class)
        super().__init__()
        self.encoder = model.audio_model.audio_encoder
        self.projection = model.audio_projection
        for stage in self.encoder.layers:
            for layer in stage.blocks:
                layer.set_shift_and_window_size(layer.input_resolution)

    def forward(self, mel: Tensor) -> Tensor:
        """Spectrograms (n, 1, frames, bands) to vectors (n, dim)."""
        # A fused network looks at its other three channels in sounds longer than a window only.
        never = torch.zeros(1, dtype=torch.bool)
        heard = self.encoder(mel, is_longer=never, always_partition=True)
        vectors: Tensor = self.projection(heard.pooler_output)
        return vectors


class Reader(nn.Module):
    """The text tower."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (transformers' own class)
        super().__init__()
        self.model, self.projection = model.text_model, model.text_projection

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and mask (n, t) to vectors (n, dim)."""
        read = self.model(input_ids=ids, attention_mask=mask)
        vectors: Tensor = self.projection(read.pooler_output)
        return vectors


def build(sources: Path, into: Path) -> None:
    """Write audio.onnx, text.onnx, rows.safetensors, tokenizer.json and towers.json."""
    with stated():
        sound = read_mel(sources)
        model = load(sources)
        tokenizer = read_tokenizer(sources, TOKENS)
        dim = model.config.projection_dim
        audio = export_sounds(Listener(model), sound, into)
        reader = Reader(model)
        table = model.text_model.embeddings.word_embeddings
        pad = model.config.text_config.pad_token_id
        text = export_words(reader, reader, tokenizer, into, table=table, pad=pad)
        write_towers(into, dim, audio=audio, text=text)


def tower(sources: Path, kind: str) -> nn.Module:
    """The tower of one modality as a torch module: spectrograms to vectors.

    Raises:
        ModelError: if the folder cannot be loaded, or `kind` is not ``audio``.
    """
    if kind != "audio":
        raise ModelError(f"CLAP checkpoints have no {kind} tower of this form")
    return Listener(load(sources)).eval()


def load(sources: Path) -> Any:  # noqa: ANN401  (transformers' own class)
    """The whole ClapModel in float32, every weight of it from the folder.

    Raises:
        ModelError: if its configuration or its weights are off.
    """
    offline()
    from transformers import ClapConfig, ClapModel

    said = read_json(sources / "config.json")
    if said.get("model_type") != "clap":
        raise ModelError(f"config.json describes no CLAP, but {said.get('model_type')!r}")
    config = ClapConfig.from_dict(said)
    config._attn_implementation = "eager"  # noqa: SLF001  (the only one it has)
    model = ClapModel(config)
    fit(model, read_weights(sources))
    return model


def read_mel(sources: Path) -> dict[str, Any]:
    """How the checkpoint's feature extractor makes its spectrograms, as the manifest says it.

    Raises:
        ModelError: if it does so in a way of its own.
    """
    said = read_json(sources / PREPROCESSOR)
    scale = SCALES.get(str(said.get("truncation", "fusion")))
    if scale is None or said.get("padding", "repeatpad") != "repeatpad" or said.get("top_db"):
        raise ModelError(f"{PREPROCESSOR} prepares sounds in a way that is not known")
    rate = int(said.get("sampling_rate", 48_000))
    return {
        "rate": rate,
        "window": int(said.get("max_length_s", 10)) * rate,
        "mel": {
            "fft": int(said.get("fft_window_size", 1024)),
            "hop": int(said.get("hop_length", 480)),
            "bands": int(said.get("feature_size", 64)),
            "low": float(said.get("frequency_min", 0)),
            "high": float(said.get("frequency_max", 14_000)),
            "scale": scale,
        },
    }


def export_sounds(tower: nn.Module, sound: dict[str, Any], into: Path) -> dict[str, Any]:
    """Write audio.onnx; returns what the manifest says of it, `sound` included."""
    frames = sound["window"] // sound["mel"]["hop"] + 1
    probe = _spectrograms(frames, sound["mel"]["bands"])
    found = export_dense(tower, probe, into / "audio.onnx", name="mel")
    return {"file": "audio.onnx", **sound, **found.manifest()}


def _spectrograms(frames: int, bands: int) -> Tensor:
    # Smooth patches of plausible loudness, in decibels, with a little noise on them.
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(_PROBES, 1, 16, 8, generator=random) * 20
    smooth = nn.functional.interpolate(coarse, size=(frames, bands), mode="bilinear")
    return smooth - 30 + torch.randn(smooth.shape, generator=random) * 3
