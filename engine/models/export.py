"""Turns torch modules into the graphs and tables that the encoders read. For builders only."""

import io
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.silence import openvino

Rows = npt.NDArray[np.float32]

OPSET = 17
AGREES = 0.9999
"""The least cosine between a graph and the module that it was made from."""

_FOREIGN = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, ImportError),
    *(AssertionError, SafetensorError),
)
"""What torch, timm and open_clip raise for weights and settings that do not fit together."""

_VERSION = 1
_LARGE = 1024


@contextmanager
def stated() -> Iterator[None]:
    """Turn whatever a foreign library says of weights that do not fit into a ModelError.

    Faults of the file system pass through.
    """
    try:
        yield
    except _FOREIGN as error:
        raise ModelError(_one_line(str(error))) from error


class Lookup(nn.Module):
    """Stands where a token embedding stood, and answers with the rows that it was given."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight.detach()  # modules ask it for its dtype and device
        self.given: Tensor | None = None

    def forward(self, _ids: Tensor) -> Tensor:
        """The rows (n, t, width) last given, whatever the ids."""
        if self.given is None:
            raise RuntimeError("no rows were given")
        return self.given


def without_table(model: nn.Module, table: nn.Module) -> Lookup:
    """Replace the token embedding `table`, wherever it is inside `model`, by a `Lookup`."""
    lookup = Lookup(next(table.parameters()))
    found = False
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child is table:
                setattr(parent, name, lookup)
                found = True
    if not found:
        raise ModelError("The model's token embedding was not found.")
    return lookup


class PlainAttention(nn.Module):
    """What nn.MultiheadAttention computes, in steps that trace for any number of tokens."""

    def __init__(self, theirs: nn.MultiheadAttention) -> None:
        super().__init__()
        self.theirs, self.heads = theirs, theirs.num_heads
        self.scale = (theirs.embed_dim // theirs.num_heads) ** -0.5

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        attn_mask: Tensor | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, None]:
        """Tokens (n, t, width) and a mask to add, (t, t) or (n * heads, t, t)."""
        if need_weights:
            raise RuntimeError("its attention weights are asked for")
        q, k, v = (
            self._by_head(nn.functional.linear(x, weight, bias))
            for x, weight, bias in zip((query, key, value), *self._projections(), strict=True)
        )
        logits = (q * self.scale) @ k.transpose(2, 3)
        if attn_mask is not None:
            shape = (-1, self.heads, *attn_mask.shape[1:])
            logits = logits + (attn_mask if attn_mask.ndim == _FLAT else attn_mask.reshape(shape))
        mixed = (logits.softmax(dim=-1) @ v).transpose(1, 2)
        return self.theirs.out_proj(mixed.reshape(query.shape)), None

    def _by_head(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def _projections(self) -> tuple[Sequence[Tensor], Sequence[Tensor | None]]:
        bias: Tensor | None = getattr(self.theirs, "in_proj_bias", None)
        weights = self.theirs.in_proj_weight.chunk(3)
        return weights, (None, None, None) if bias is None else bias.chunk(3)


_FLAT = 2


def with_plain_attention(model: nn.Module) -> nn.Module:
    """Replace the attention modules of torch, which trace for the example's length only."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MultiheadAttention):
                usual = child.batch_first and child.kdim == child.vdim == child.embed_dim
                if usual and child.bias_k is None and not child.add_zero_attn:
                    setattr(parent, name, PlainAttention(child))
    return model


class TextGraph(nn.Module):
    """What of a text tower becomes a graph: everything behind the token embedding."""

    def __init__(
        self, model: nn.Module, lookup: Lookup, vectors: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.model, self.lookup, self.vectors = model, lookup, vectors

    def forward(self, ids: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
        """Ids and mask (n, t), rows (n, t, width), to vectors (n, dim)."""
        self.lookup.given = rows
        return self.vectors(ids, mask)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a graph agrees with its module.

    Attributes:
        graph: the least cosine of float32 ONNX with torch.
        bf16: the least cosine of OpenVINO in bfloat16 with torch; 0 where that cannot be had.
    """

    graph: float
    bf16: float

    def manifest(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"bf16": self.bf16 >= AGREES, "agreement": round(self.bf16 or self.graph, 6)}


def export_dense(module: nn.Module, probe: Tensor, file: Path, *, name: str) -> Agreement:
    """Write an image or audio tower as a graph with one input and the output ``vector``.

    Args:
        module: maps a batch to vectors (n, dim), or to a tuple that starts with them.
        probe: a batch of at least two plausible inputs, float32.
        file: the graph's.
        name: the input's, ``image`` or ``mel``.

    Raises:
        ModelError: if weights are not finite, or the graph does not agree with the module.
    """
    vectors = _Vectors(module).eval()
    check_finite(module)
    axes = {name: {0: "n"}, "vector": {0: "n"}}
    export_graph(vectors, (probe,), file, names=(name,), axes=axes)
    with torch.inference_mode():
        wanted = vectors(probe).float().numpy()
    given = {name: probe.numpy()}
    graph = least_cosine(run_onnx(file, given), wanted)
    _check_agreement(file, graph)
    return Agreement(graph, _bf16_cosine(file, given, wanted))


def export_text(
    graph: TextGraph,
    batches: Sequence[npt.NDArray[np.int64]],
    wanted: Rows,
    file: Path,
    *,
    pad: int,
) -> float:
    """Write a text tower as a graph with inputs ``ids``, ``mask``, ``rows`` where it uses them.

    Args:
        graph: the tower, its token embedding replaced.
        batches: ids (n, t), one batch for each length, laid out as the run-time lays them out.
        wanted: what the untouched model says of all these texts, in the same order.
        file: the graph's.
        pad: id that fills up; it may only be masked behind the last other token.

    Returns:
        the least cosine of the graph, fed with float16 rows, with what is wanted.

    Raises:
        ModelError: if weights are not finite, or the graph does not agree.
    """
    check_finite(graph)
    example = _text_inputs(graph, np.concatenate([batches[0][:1]] * 2), pad)
    axes = {name: {0: "n", 1: "t"} for name in example} | {"vector": {0: "n"}}
    tensors = tuple(torch.from_numpy(value) for value in example.values())
    export_graph(graph.eval(), tensors, file, names=tuple(example), axes=axes, optimise=True)
    said = [run_onnx(file, _text_inputs(graph, ids, pad)) for ids in batches]
    cosine = least_cosine(np.concatenate(said), wanted)
    _check_agreement(file, cosine)
    return cosine


def export_graph(
    module: nn.Module,
    example: tuple[Tensor, ...],
    file: Path,
    *,
    names: Sequence[str],
    axes: dict[str, dict[int, str]],
    optimise: bool = False,
) -> None:
    """Trace a module into ONNX, its large weights in a .safetensors file of the same name.

    Inputs that turn out to be unused are left out of the graph. `optimise` rewrites it for ONNX
    Runtime, which then need not do that at each start.
    """
    import onnx

    with_plain_attention(module)
    with TemporaryDirectory(dir=file.parent) as folder:
        traced = Path(folder) / file.name
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, on shapes that never change
            torch.onnx.export(
                module,
                example,
                str(traced),
                input_names=list(names),
                output_names=["vector"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        _store(onnx.load(str(_optimised(traced) if optimise else traced)), file)


def _optimised(traced: Path) -> Path:
    """The graph as ONNX Runtime would rewrite it at each start."""
    import onnxruntime

    optimised = traced.with_suffix(".optimised.onnx")
    options = onnxruntime.SessionOptions()
    # The next level would lay tensors out for this very CPU.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(optimised)
    for name, value in (("file_name", "optimised.bin"), ("min_size_in_bytes", str(_LARGE))):
        options.add_session_config_entry(
            f"session.optimized_model_external_initializers_{name}", value
        )
    onnxruntime.InferenceSession(str(traced), options, providers=["CPUExecutionProvider"])
    return optimised


def _store(model: Any, file: Path) -> None:  # noqa: ANN401
    """Write a graph, with its large weights beside it: they can then be mapped, not copied."""
    import onnx
    from onnx import numpy_helper
    from safetensors.numpy import save_file

    _drop_unused_inputs(model)
    large = [one for one in model.graph.initializer if one.ByteSize() > _LARGE]
    beside = file.with_suffix(".safetensors")
    save_file({one.name: numpy_helper.to_array(one) for one in large}, beside)
    places, start = _places(beside)
    for one in large:
        begin, end = places[one.name]["data_offsets"]
        onnx.external_data_helper.set_external_data(
            one, beside.name, offset=start + begin, length=end - begin
        )
        one.ClearField("raw_data")
    onnx.save(model, str(file))


def _places(file: Path) -> tuple[dict[str, Any], int]:
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        return json.loads(stream.read(size)), 8 + size


def write_rows(weight: Tensor, into: Path) -> str:
    """Write a token embedding as float16 and give the file's name.

    Raises:
        ModelError: if it has values that float16 has not.
    """
    from safetensors.numpy import save_file

    rows = weight.detach().float().numpy().astype(np.float16)
    if not np.isfinite(rows).all():
        raise ModelError("The token embedding holds values that are not finite.")
    save_file({"rows": rows}, into / "rows.safetensors")
    return "rows.safetensors"


def write_towers(
    into: Path,
    dim: int,
    *,
    image: dict[str, Any] | None = None,
    text: dict[str, Any] | None = None,
    audio: dict[str, Any] | None = None,
) -> None:
    """Write the manifest, with the towers that there are."""
    parts = {"image": image, "text": text, "audio": audio}
    manifest = {"version": _VERSION, "dim": dim, **{k: v for k, v in parts.items() if v}}
    (into / "towers.json").write_text(json.dumps(manifest, indent=1), "utf-8")


def check_finite(module: nn.Module) -> None:
    """Raise ModelError for the first weight that is not a number."""
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        # Masks are -inf by design, and no checkpoint holds them.
        if "mask" not in name and not torch.isfinite(value).all():
            raise ModelError(f"The weight {name} holds values that are not finite.")


def read_json(file: Path) -> dict[str, Any]:
    """An object from a JSON file that may not be there or be anything at all.

    Raises:
        ModelError: naming the file.
    """
    try:
        said = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{file.name} cannot be read: {_one_line(str(error))}") from error
    if not isinstance(said, dict):
        raise ModelError(f"{file.name} holds no settings")
    if "auto_map" in said:
        raise ModelError(f"{file.name} asks to run code that came with the weights")
    return said


def least_cosine(ours: Rows, theirs: Rows) -> float:
    """The least cosine between rows of the same number; -1 if any is not finite."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return -1.0
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (ours, theirs))
    return float((a.astype(np.float64) * b).sum(axis=1).min())


def run_onnx(file: Path, inputs: dict[str, npt.NDArray[Any]]) -> Rows:
    """What ONNX Runtime makes of the inputs that the graph uses."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    used = {one.name: inputs[one.name] for one in session.get_inputs()}
    return np.asarray(session.run(None, used)[0], dtype=np.float32)


class _Vectors(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Tensor) -> Tensor:
        said = self.module(batch)
        vectors: Tensor = said[0] if isinstance(said, tuple) else said
        return vectors


def _text_inputs(
    graph: TextGraph, ids: npt.NDArray[np.int64], pad: int
) -> dict[str, npt.NDArray[Any]]:
    rows = graph.lookup.weight[torch.from_numpy(ids)].half().float().numpy()
    return {"ids": ids, "mask": attended(ids, pad), "rows": rows}


def attended(ids: npt.NDArray[np.int64], pad: int) -> npt.NDArray[np.int64]:
    """1 for each token up to the last that is not `pad`, 0 behind it; int64 (n, t)."""
    real = ids != pad
    return np.asarray(np.flip(np.maximum.accumulate(np.flip(real, 1), axis=1), 1), dtype=np.int64)


def _bf16_cosine(file: Path, inputs: dict[str, npt.NDArray[Any]], wanted: Rows) -> float:
    with suppress(ImportError):
        core = openvino().Core()
        if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            model = core.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
            return least_cosine(np.asarray(model(inputs)[0], dtype=np.float32), wanted)
    return 0.0


def _check_agreement(file: Path, cosine: float) -> None:
    if cosine < AGREES:
        raise ModelError(f"{file.name} does not say what the model says (cosine {cosine:.5f})")


def _drop_unused_inputs(model: Any) -> None:  # noqa: ANN401
    used = {name for node in model.graph.node for name in node.input}
    kept = [one for one in model.graph.input if one.name in used]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _one_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "; ".join(lines[:3]).rstrip(".") or "it failed without a word"
