"""Builds the picture encoder: timm's architecture with the wheel's weights. Runs in the child."""

import re
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

SIDE = 260
STAGES = (1, 3, 3, 4, 4, 5, 1)
"""Blocks in each stage: (1,2,2,3,3,4,1) times 1.2; the Lite family leaves first and last alone."""

# Names in the checkpoint, names in timm. The first block has no expansion, so its layers move up.
_EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OUTER = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}


DEPTHS = (5, 4)
"""Stages that are looked at besides the last: 208 and 120 channels that know parts and textures."""


class Features(nn.Module):
    """The network up to its pooled features, and the strongest answers of two stages before."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (n, 3, 260, 260) to features (n, 1280) and depths (n, 328)."""
        network, depths = self.network, {}
        rows: Tensor = network.bn1(network.conv_stem(image))  # type: ignore[operator]
        for number, stage in enumerate(network.blocks):  # type: ignore[arg-type]
            rows = stage(rows)
            if number in DEPTHS:
                depths[number] = rows.amax((2, 3))
        rows = network.bn2(network.conv_head(rows))  # type: ignore[operator]
        features: Tensor = network.forward_head(rows, pre_logits=True)  # type: ignore[operator]
        return features, torch.cat([depths[number] for number in DEPTHS], dim=1)


def build(sources: Path, into: Path) -> None:
    """Write efficientnet.onnx, and the classifier as head.safetensors: logits = W f + b."""
    state = load_file(next(sources.glob("*.safetensors")))
    network = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    network.load_state_dict({_renamed(key): value for key, value in state.items()}, strict=True)
    torch.onnx.export(
        Features(network).eval(),
        (torch.zeros(2, 3, SIDE, SIDE),),
        str(into / "efficientnet.onnx"),
        input_names=["image"],
        output_names=["features", "depths"],
        dynamic_axes={name: {0: "n"} for name in ("image", "features", "depths")},
        opset_version=17,
        dynamo=False,
    )
    head = {"weight": state["_fc.weight"].contiguous(), "bias": state["_fc.bias"].contiguous()}
    save_file(head, into / "head.safetensors")


def _renamed(key: str) -> str:
    """Timm's name for an entry of the checkpoint."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+?)\.(\w+)", key)
    if block is None:
        outer, _, tail = key.partition(".")
        return f"{_OUTER[outer]}.{tail}"
    stage, index = 0, int(block[1])
    while index >= STAGES[stage]:
        index -= STAGES[stage]
        stage += 1
    names = _FIRST if stage == 0 else _EXPANDING
    return f"blocks.{stage}.{index}.{names[block[2]]}.{block[3]}"
