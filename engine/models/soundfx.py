"""Builds the sound encoder: the aiSFX network, written anew from its paper. Runs in the child."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

WIDTHS, POOLS = (64, 128, 256, 512), (2, 2, 2, 1)
FRAMES, BANDS = 100, 96
RATE, FFT = 44_100, 2048
CLASSES = 78
"""Outputs of the head `prosfx`, the first of nine; the others are not used."""


class Block(nn.Module):
    """Two convolutions, each normalised and rectified, then pooling."""

    def __init__(self, width_in: int, width: int, pool: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(pool) if pool > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, width_in, frames, bands) to (n, width, frames / pool, bands / pool)."""
        x = torch.relu(self.bn1(self.conv1(x)))
        pooled: Tensor = self.pool(torch.relu(self.bn2(self.conv2(x))))
        return pooled


class SoundNetwork(nn.Module):
    """Blocks of a log mel spectrogram to an embedding and the logits of the head `prosfx`."""

    def __init__(self) -> None:
        super().__init__()
        shapes = zip((1, *WIDTHS[:-1]), WIDTHS, POOLS, strict=True)
        self.convs = nn.ModuleList(Block(before, width, pool) for before, width, pool in shapes)
        self.head = nn.Sequential(
            *(nn.Linear(512, 256), nn.ReLU()),
            *(nn.Linear(256, 128), nn.ReLU()),
            nn.Linear(128, CLASSES),
        )

    def forward(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Blocks (n, 100, 96) to embeddings (n, 512) and logits (n, 78)."""
        x = blocks.unsqueeze(1)
        for conv in self.convs:
            x = conv(x)
        embedding = x.mean(3).amax(2)
        return embedding, self.head(embedding)


def build(sources: Path, into: Path) -> None:
    """Write soundfx.onnx, the head, and the mel filters that its input is made with."""
    network = SoundNetwork()
    state = _renamed(load_file(next(sources.glob("*.safetensors"))))
    network.load_state_dict(state, strict=True)
    torch.onnx.export(
        network.eval(),
        (torch.zeros(2, FRAMES, BANDS),),
        str(into / "soundfx.onnx"),
        input_names=["blocks"],
        output_names=["embedding", "prosfx"],
        dynamic_axes={name: {0: "n"} for name in ("blocks", "embedding", "prosfx")},
        opset_version=17,
        dynamo=False,
    )
    bank = melscale_fbanks(FFT // 2 + 1, 0.0, RATE / 2, BANDS, RATE, norm=None, mel_scale="htk")
    save_file({"filters": bank / bank.sum(0, keepdim=True)}, into / "filters.safetensors")
    head = {key.removeprefix("head."): value for key, value in state.items() if "head" in key}
    save_file(head, into / "head.safetensors")


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The checkpoint's names to ours; heads other than `prosfx` are left out."""
    renamed = {}
    for key, value in state.items():
        if key.startswith("embedding_net.conv_block"):
            number, _, rest = key.removeprefix("embedding_net.conv_block").partition(".")
            renamed[f"convs.{int(number) - 1}.{rest}"] = value
        elif key.startswith("fc.0."):
            renamed["head." + key.removeprefix("fc.0.")] = value
    return renamed
