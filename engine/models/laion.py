"""Builds the towers of LAION's own CLAP checkpoints, with LAION's own model code."""

import os
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.clap import TOKENS, export_sounds
from engine.models.export import stated, write_towers
from engine.models.laion_code import Code, model_code, slaney
from engine.models.pretrained import (
    export_words,
    fit,
    offline,
    read_tokenizer,
    read_weights,
)

RATE, WINDOW, FFT = 48_000, 480_000, 1024
MEL = {"fft": FFT, "hop": 480, "bands": 64, "low": 50.0, "high": 14_000.0}

FUSION = "aff_2d"
TOKENIZERS = ("roberta-base", "FacebookAI/roberta-base")
PAD = 1

_HTSAT = {"spec_size": 256, "patch_size": 4, "patch_stride": (4, 4), "window_size": 8}
_HEAD = 64
"""Width of one attention head of every RoBERTa."""

_CLOSE = 1e-4


class Listener(nn.Module):
    """The audio tower behind the spectrogram, for sounds that are never longer than a window."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (laion_clap's own class)
        super().__init__()
        self.branch, self.projection = model.audio_branch, model.audio_projection

    def forward(self, mel: Tensor) -> Tensor:
        """Spectrograms (n, 1, frames, bands) to vectors (n, dim)."""
        normal = self.branch.bn0(mel.transpose(1, 3)).transpose(1, 3)
        heard = self.branch.forward_features(self.branch.reshape_wav2img(normal), longer_idx=[])
        vectors: Tensor = self.projection(heard["embedding"])
        return vectors


class Reader(nn.Module):
    """The text tower."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (laion_clap's own class)
        super().__init__()
        self.branch, self.projection = model.text_branch, model.text_projection

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ids and mask (n, t) to vectors (n, dim)."""
        read = self.branch(input_ids=ids, attention_mask=mask)
        vectors: Tensor = self.projection(read.pooler_output)
        return vectors


def build(sources: Path, into: Path) -> None:
    """Write audio.onnx, text.onnx, rows.safetensors, tokenizer.json and towers.json."""
    with stated():
        model = load(sources)
        tokenizer = read_tokenizer(tokenizer_folder(sources), TOKENS)
        sound = {"rate": RATE, "window": WINDOW, "mel": mel_of(model)}
        audio = export_sounds(Listener(model), sound, into)
        reader, table = Reader(model), model.text_branch.embeddings.word_embeddings
        text = export_words(reader, reader, tokenizer, into, table=table, pad=PAD)
        write_towers(into, model.joint_embed_shape, audio=audio, text=text)


def tower(sources: Path, kind: str) -> nn.Module:
    """The tower of one modality as a torch module: spectrograms to vectors.

    Raises:
        ModelError: if the folder cannot be loaded, or `kind` is not ``audio``.
    """
    if kind != "audio":
        raise ModelError(f"LAION's checkpoints have no {kind} tower of this form")
    return Listener(load(sources)).eval()


def load(sources: Path) -> Any:  # noqa: ANN401  (laion_clap's own class)
    """LAION's CLAP in float32, of the size that its weights have.

    Args:
        sources: a folder with the one safetensors file that was made of the checkpoint.

    Raises:
        ModelError: if the weights are not of such a network, or laion-clap is not installed.
    """
    offline()
    state = read_state(sources)
    try:
        model = network(state, model_code())
    except KeyError as error:
        raise ModelError(f"the weights are not of LAION's CLAP: there is no {error}") from error
    fit(model, state)
    return model


def read_state(sources: Path) -> dict[str, Tensor]:
    """The checkpoint's weights, without the prefix that training on many GPUs left.

    Raises:
        ModelError: if there is not exactly one file of them.
    """
    files = sorted(path.name for path in sources.glob("*.safetensors"))
    if len(files) != 1:
        raise ModelError(f"one checkpoint is wanted in the folder, and there are {len(files)}")
    state = read_weights(sources, (files[0],))
    return {name.removeprefix("module."): value for name, value in state.items()}


def network(state: dict[str, Tensor], code: Code) -> Any:  # noqa: ANN401  (laion_clap's own class)
    """LAION's CLAP of the sizes that these weights have, its weights random.

    HTSAT-tiny, -base and -large differ in width and depth, fused ones have layers of their own.

    Raises:
        KeyError: if a weight that gives a size is missing.
    """
    fused = "audio_branch.patch_embed.mel_conv2d.weight" in state
    fusion = {"enable_fusion": fused, "fusion_type": FUSION if fused else "None"}
    sizes = _sizes(state)

    def htsat(config: object, *_: object) -> nn.Module:
        made: nn.Module = code.htsat.HTSAT_Swin_Transformer(
            **_HTSAT, **sizes, **fusion, config=config
        )
        return made

    code.model.create_htsat_model = htsat
    code.htsat.window_reverse = _window_reverse
    roberta = _roberta(state)
    code.model.RobertaModel = SimpleNamespace(from_pretrained=lambda _name: roberta)
    dim, width = state["audio_projection.0.weight"].shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, on how old the code is
        return code.model.CLAP(
            width,
            _audio_config(sizes["num_classes"], code),
            code.model.CLAPTextCfg(TOKENS, 0, 0, 0, 0, "roberta"),
            joint_embed_shape=dim,
            **fusion,
        )


def mel_of(model: Any) -> dict[str, Any]:  # noqa: ANN401  (laion_clap's own class)
    """How the network was trained to see sounds, checked against the filters in its weights.

    Unfused ones filter inside the network, which is slaney's scale; fused ones were given
    spectrograms of torchaudio, which is htk's. Both were trained on 16-bit samples.

    Raises:
        ModelError: if the filters in the weights are others than LAION's.
    """
    branch = model.audio_branch
    bank = slaney(RATE, FFT, MEL["bands"], MEL["low"], MEL["high"])  # type: ignore[arg-type]
    window = torch.hann_window(FFT)
    pairs = (
        (branch.logmel_extractor.melW, bank),
        (branch.spectrogram_extractor.stft.conv_real.weight[0, 0], window),
    )
    for found, known in pairs:
        if not torch.allclose(found, known, atol=float(known.abs().max()) * _CLOSE):
            raise ModelError("the checkpoint makes spectrograms in a way that is not known")
    return {**MEL, "scale": "htk" if branch.enable_fusion else "slaney", "int16": True}


def tokenizer_folder(sources: Path) -> Path:
    """The folder that holds RoBERTa's tokenizer: the model's own, or one in the hub's cache.

    Raises:
        ModelError: if there is none.
    """
    from huggingface_hub import try_to_load_from_cache

    for name in ("tokenizer.json", "vocab.json"):
        if (sources / name).is_file():
            return sources
        for repository in TOKENIZERS:
            found = try_to_load_from_cache(repository, name, cache_dir=_hub())
            if isinstance(found, str):
                return Path(found).parent
    raise ModelError(
        "the tokenizer of roberta-base is missing: its tokenizer.json is wanted beside the "
        "checkpoint, or roberta-base in the hub's cache"
    )


def _hub() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    hugging_face = os.environ.get("HF_HOME") or Path(home) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(hugging_face) / "hub").expanduser()


def _window_reverse(windows: Tensor, size: int, height: int, width: int) -> Tensor:
    # LAION's own counts the batch in Python, which would fix it in the graph.
    channels = windows.shape[-1]
    grid = windows.view(-1, height // size, width // size, size, size, channels)
    return grid.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, channels)


def _sizes(state: dict[str, Tensor]) -> dict[str, Any]:
    blocks: dict[int, int] = {}
    heads: dict[int, int] = {}
    for name, value in state.items():
        parts = name.split(".")
        if name.startswith("audio_branch.layers.") and parts[-1] == "relative_position_bias_table":
            stage = int(parts[2])
            blocks[stage], heads[stage] = blocks.get(stage, 0) + 1, value.shape[1]
    return {
        "embed_dim": state["audio_branch.patch_embed.proj.weight"].shape[0],
        "num_classes": state["audio_branch.tscam_conv.weight"].shape[0],
        "depths": [blocks[stage] for stage in sorted(blocks)],
        "num_heads": [heads[stage] for stage in sorted(heads)],
    }


def _audio_config(classes: int, code: Code) -> Any:  # noqa: ANN401  (laion_clap's own class)
    return code.model.CLAPAudioCfp(
        model_type="HTSAT",
        sample_rate=RATE,
        window_size=FFT,
        hop_size=MEL["hop"],
        mel_bins=MEL["bands"],
        fmin=MEL["low"],
        fmax=MEL["high"],
        clip_samples=WINDOW,
        class_num=classes,
    )


def _roberta(state: dict[str, Tensor]) -> nn.Module:
    from transformers import RobertaConfig, RobertaModel

    words = state["text_branch.embeddings.word_embeddings.weight"]
    first = state["text_branch.encoder.layer.0.intermediate.dense.weight"]
    layers = {name.split(".")[3] for name in state if name.startswith("text_branch.encoder.layer.")}
    config = RobertaConfig(
        vocab_size=words.shape[0],
        hidden_size=words.shape[1],
        num_attention_heads=max(1, words.shape[1] // _HEAD),
        num_hidden_layers=len(layers),
        intermediate_size=first.shape[0],
        max_position_embeddings=state["text_branch.embeddings.position_embeddings.weight"].shape[0],
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=PAD,
    )
    config._attn_implementation = "eager"  # noqa: SLF001  (the one that can be traced everywhere)
    return RobertaModel(config)
