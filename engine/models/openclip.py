"""Builds the towers of an open_clip checkpoint: a folder as open_clip's `local-dir:` wants it."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.export import (
    TextGraph,
    check_finite,
    export_dense,
    export_text,
    read_json,
    stated,
    without_table,
    write_rows,
    write_towers,
)
from engine.models.tokens import write_tokens

CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
)
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")

SOT, EOT = "<start_of_text>", "<end_of_text>"
_SIMPLE = frozenset({"clean"})
_HF = frozenset({"clean", "strip_sep_token"})

PROBES = (
    "",
    "a dog",
    "two dogs are playing on the beach",
    "A photo of a café in the rain, at night!",
    "犬が砂浜を走る",
    "the sound of a piano in an empty room, and rain on the window " * 9,
)
_PICTURES = 4


def build(sources: Path, into: Path) -> None:
    """Write image.onnx, text.onnx, rows.safetensors, tokenizer.json and towers.json."""
    with stated():
        config = read_config(sources)
        model = load(sources)
        text = _text(sources, into, config, model)
        image = _image(into, config, model)
        write_towers(into, int(config["model_cfg"]["embed_dim"]), image=image, text=text)


def tower(sources: Path, kind: str) -> nn.Module:
    """The tower of one modality as a torch module: pictures (n, 3, h, w) to vectors (n, dim).

    Raises:
        ModelError: if the folder cannot be loaded, or `kind` is not ``image``.
    """
    if kind != "image":
        raise ModelError(f"open_clip checkpoints have no {kind} tower of this form")
    return load(sources).get_submodule("visual")


def read_config(sources: Path) -> dict[str, Any]:
    """The checkpoint's configuration, refused where it leaves open how it was trained.

    Raises:
        ModelError: naming what is missing, or what would lead out of the folder.
    """
    config = read_json(sources / CONFIG)
    model, pictures = config.get("model_cfg"), config.get("preprocess_cfg")
    if not isinstance(model, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= model.keys():
        raise ModelError(f"{CONFIG} describes no model (model_cfg)")
    # Without these, open_clip would silently take the values of OpenAI's models.
    if not isinstance(pictures, dict) or not all(pictures.get(key) for key in PREPROCESSING):
        raise ModelError(
            f"{CONFIG} does not say how pictures are prepared "
            f"(preprocess_cfg with {', '.join(PREPROCESSING)}), and guesses would be wrong"
        )
    _check_pictures(pictures)
    _check_architecture(sources, model)
    return config


def load(sources: Path) -> nn.Module:
    """The whole model in float32, every weight of it from the folder.

    Raises:
        ModelError: if its configuration or its weights are off.
        RuntimeError: torch's words when names or shapes of weights do not fit.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    import open_clip

    config = read_config(sources)["model_cfg"]
    _keep_text_config_local(sources, config["text_cfg"])
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    options = {key: value for key, value in config.items() if key != "custom_text"}
    model: nn.Module = kind(**options)
    open_clip.load_checkpoint(model, str(_weights(sources)), strict=True)
    check_finite(model)
    return model.eval().requires_grad_(requires_grad=False)


def _check_pictures(said: dict[str, Any]) -> None:
    for key in ("mean", "std"):
        values = _triple(said[key])
        if len(values) != 3 or not np.isfinite(values).all() or (key == "std" and min(values) <= 0):  # noqa: PLR2004
            raise ModelError(f"{CONFIG} has a {key} that no picture has: {said[key]}")
    if said["resize_mode"] not in {"shortest", "squash", "longest"}:
        raise ModelError(f"{CONFIG} has an unknown resize_mode: {said['resize_mode']}")


def _check_architecture(sources: Path, model: dict[str, Any]) -> None:
    import timm

    vision, text = model["vision_cfg"], model["text_cfg"]
    name = vision.get("timm_model_name")
    # A name with a scheme would be looked up on the hub, whatever else the configuration says.
    if name and (":" in name or not timm.is_model(name.partition(".")[0])):
        raise ModelError(f"{CONFIG} names a picture network that timm does not know: {name}")
    vision["timm_model_pretrained"] = False
    if text.get("hf_model_name") and not (sources / "config.json").is_file():
        raise ModelError(
            f"{CONFIG} names a text network of the hub, {text['hf_model_name']}, "
            "and its config.json is not in the folder"
        )
    if text.get("tokenizer_mode"):
        raise ModelError(f"{CONFIG} asks for an unknown tokenizer mode: {text['tokenizer_mode']}")


def _keep_text_config_local(sources: Path, text: dict[str, Any]) -> None:
    if text.get("hf_model_name"):
        read_json(sources / "config.json")  # refuses code of the folder's own
        text |= {"hf_model_name": str(sources), "hf_model_pretrained": False}


def _weights(sources: Path) -> Path:
    for name in WEIGHTS:
        if (sources / name).is_file():
            return sources / name
    raise ModelError(f"there are no weights beside {CONFIG}: {WEIGHTS[0]} is wanted")


# --- pictures ---


def _image(into: Path, config: dict[str, Any], model: Any) -> dict[str, Any]:  # noqa: ANN401
    said = config["preprocess_cfg"]
    size = _pair(getattr(model.visual, "image_size", None) or said["size"])
    found = export_dense(model.visual, _pictures(size), into / "image.onnx", name="image")
    return {
        "file": "image.onnx",
        "pixels": size,
        "mean": _triple(said["mean"]),
        "std": _triple(said["std"]),
        **framing(said, size),
        **found.manifest(),
    }


def framing(said: dict[str, Any], size: Sequence[int]) -> dict[str, Any]:
    """What a preprocess_cfg makes of a picture's shape, in the manifest's terms."""
    squeezed = said["resize_mode"] == "shortest" and size[0] != size[1]
    # open_clip takes bicubic for whatever is not bilinear ("random" is for training), and also
    # wherever it fits the shortest side into a frame that is not square.
    bilinear = said["interpolation"] == "bilinear" and not squeezed
    return {
        "interpolation": "bilinear" if bilinear else "bicubic",
        "resize": said["resize_mode"],
        "fill": int(said.get("fill_color") or 0),
    }


def _pictures(size: Sequence[int]) -> Tensor:
    # Smooth patches rather than noise, which no network was trained on.
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(_PICTURES, 3, 8, 8, generator=random)
    return nn.functional.interpolate(coarse, size=tuple(size), mode="bilinear")


def _pair(size: Any) -> list[int]:  # noqa: ANN401  (an int or two)
    height, width = (size, size) if isinstance(size, int | float) else size
    return [int(height), int(width)]


def _triple(value: Any) -> list[float]:  # noqa: ANN401  (a float or three)
    return [float(value)] * 3 if isinstance(value, int | float) else [float(one) for one in value]


# --- words ---


def _text(sources: Path, into: Path, config: dict[str, Any], model: Any) -> dict[str, Any]:  # noqa: ANN401
    theirs, part = _tokenizer(sources, into, config["model_cfg"]["text_cfg"])
    part["fixed"] = not _may_be_trimmed(model.text)
    ids = theirs(PROBES)
    ours = _ours(into / "tokenizer.json", part, [theirs.clean_fn(text) for text in PROBES])
    if not np.array_equal(_filled(ours, part), ids.numpy()):
        raise ModelError("the checkpoint's tokenizer cannot be rebuilt: it gives other tokens")
    with torch.inference_mode():
        wanted = model.encode_text(ids).float().numpy()
    lookup = without_table(model.text, _table(model.text))
    graph = TextGraph(model.text, lookup, _vectors(model.text, fixed=part["fixed"]))
    batches = _filled(ours, part)[:, None] if part["fixed"] else [one[None] for one in ours]
    export_text(graph, list(batches), wanted, into / "text.onnx", pad=part["pad"])
    return {"file": "text.onnx", "rows": write_rows(lookup.weight, into), **part}


def _tokenizer(sources: Path, into: Path, said: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Write tokenizer.json; open_clip's own tokenizer and what the manifest says of ours."""
    import open_clip

    known = _HF if said.get("hf_tokenizer_name") else _SIMPLE
    if unknown := (said.get("tokenizer_kwargs") or {}).keys() - known:
        raise ModelError(f"{CONFIG} asks for an unknown way to tokenize: {min(unknown)}")
    for name in ("tokenizer_config.json", "tokenizer.json"):
        if (sources / name).is_file():
            read_json(sources / name)  # refuses code of the folder's own
    theirs: Any = open_clip.get_tokenizer(f"local-dir:{sources}")
    tokens = theirs.context_length
    rebuilt = _adopted(theirs) if known is _HF else simple_tokenizer(theirs)
    rebuilt.no_padding()
    rebuilt.enable_truncation(tokens)
    rebuilt.save(str(into / "tokenizer.json"), pretty=False)
    clean = (said.get("tokenizer_kwargs") or {}).get("clean") or _default_clean(known)
    zeroed = [theirs.tokenizer.sep_token_id] if getattr(theirs, "strip_sep_token", False) else []
    pad = theirs.tokenizer.pad_token_id if known is _HF else 0
    part = {"tokenizer": "tokenizer.json", "tokens": tokens, "pad": pad, "clean": clean}
    index = write_tokens(into / "tokenizer.json", into)
    part |= {"index": index} if index else {}
    return theirs, part | ({"zeroed": zeroed} if zeroed else {})


def _default_clean(known: frozenset[str]) -> str:
    return "whitespace" if known is _HF else "lower"


def _adopted(theirs: Any) -> Any:  # noqa: ANN401
    """The folder's own tokenizer, in the form of the package tokenizers."""
    slow = theirs.tokenizer
    backend = getattr(slow, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("the folder's tokenizer has no fast form (tokenizer.json)")
    if "left" in {slow.padding_side, slow.truncation_side}:
        raise ModelError("the folder's tokenizer fills or cuts on the left, which nobody trained")
    return backend


def simple_tokenizer(theirs: Any) -> Any:  # noqa: ANN401
    """open_clip's SimpleTokenizer, behind its cleaning, in the form of the package tokenizers."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    vocabulary, merges = dict(theirs.encoder), sorted(theirs.bpe_ranks, key=theirs.bpe_ranks.get)
    for special in (SOT, EOT):
        _spell(special, vocabulary, merges, theirs)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix=_END))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_pattern()), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SOT} $A {EOT}",
        special_tokens=[(SOT, theirs.sot_token_id), (EOT, theirs.eot_token_id)],
    )
    return tokenizer


_END = "</w>"


def _spell(
    special: str,
    vocabulary: dict[str, int],
    merges: list[tuple[str, str]],
    theirs: Any,  # noqa: ANN401
) -> None:
    """Let the letters of a special token merge into it, as open_clip reads it in a text.

    Only there do brackets and letters stand in one word, so no other word can merge so.
    """
    pieces = _pieces(special, theirs)
    whole = pieces[0]
    for piece in pieces[1:]:
        merges.append((whole, piece))
        whole += piece
        vocabulary[whole] = len(vocabulary)
    vocabulary[whole] = vocabulary.pop(special)


def _pieces(special: str, theirs: Any) -> list[str]:  # noqa: ANN401
    known = theirs.cache.pop(special)  # which hides how it would be cut
    try:
        return list(theirs.bpe(special).split(" "))
    finally:
        theirs.cache[special] = known


def _pattern() -> str:
    """open_clip's pattern, with the letters and numbers of its own regular expressions."""
    from open_clip.tokenizer import re as regex

    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)  # noqa: PLR2004
    letters, numbers = (
        "".join(rf"\x{{{ord(run[0]):x}}}-\x{{{ord(run[-1]):x}}}" for run in regex.findall(p, every))
        for p in (r"\p{L}+", r"\p{N}+")
    )
    endings = "'s|'t|'re|'ve|'m|'ll|'d"
    return rf"{SOT}|{EOT}|(?i:{endings})|[{letters}]+|[{numbers}]|[^\s{letters}{numbers}]+"


def _ours(file: Path, part: dict[str, Any], texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    rows = [np.array(tokenizer.encode(text).ids, np.int64) for text in texts]
    return [np.where(np.isin(ids, part.get("zeroed", [])), 0, ids) for ids in rows]


def _filled(rows: list[npt.NDArray[np.int64]], part: dict[str, Any]) -> npt.NDArray[np.int64]:
    filled = np.full((len(rows), part["tokens"]), part["pad"], np.int64)
    for row, ids in zip(filled, rows, strict=True):
        row[: len(ids)] = ids
    return filled


def _table(text: Any) -> nn.Module:  # noqa: ANN401
    table: nn.Module
    if hasattr(text, "token_embedding"):
        table = text.token_embedding
    else:
        table = text.transformer.get_input_embeddings()
    return table


def _may_be_trimmed(text: Any) -> bool:  # noqa: ANN401
    """Whether what stands behind the end of a text cannot change its vector."""
    if not hasattr(text, "token_embedding"):
        return True  # a network of transformers, which masks it
    causal = text.attn_mask is not None and text.cls_emb is None
    return causal and text.pool_type in {"argmax", "eos", "first"}


def _vectors(text: Any, *, fixed: bool) -> Callable[[Tensor, Tensor], Tensor]:  # noqa: ANN401
    def whole(ids: Tensor, _mask: Tensor) -> Tensor:
        said = text(ids)
        vectors: Tensor = said[0] if isinstance(said, tuple) else said
        return vectors

    def trimmed(ids: Tensor, mask: Tensor) -> Tensor:
        full, length = text.attn_mask, ids.shape[1]
        text.attn_mask = full[:length, :length]
        try:
            return whole(ids, mask)
        finally:
            text.attn_mask = full

    return whole if fixed or not hasattr(text, "token_embedding") else trimmed
