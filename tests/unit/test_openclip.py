"""open_clip checkpoints: our vectors are open_clip's, and nothing else is ever guessed or run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from checkpoints import openclip as checkpoint
from engine import models
from engine.encode import encoders
from engine.encode.image_tower import ImageTower, framed
from engine.encode.text_tower import TextTower
from engine.encode.towers import ImagePart, read_towers
from engine.errors import ModelError
from engine.models import ModelRow
from engine.models import openclip as builder

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

SHAPES = [(64, 64), (300, 200), (199, 301), (640, 65), (65, 640), (17, 23), (1, 1), (900, 40)]
TEXTS = [
    "",
    "a dog",
    "Two  dogs are playing\ton the BEACH, aren't they?",
    "caf\u00e9 \u2014 na\u00efve &amp; fa\u00e7ade",
    "schÃ¶n",
    "犬が砂浜を走る 🐕🏖️",
    "<start_of_text> x <end_of_text>",
    "rain on the window " * 40,
]
PARITY = 0.9999
SAME = 1 - 1e-5


@dataclass(frozen=True)
class Loaded:
    """A checkpoint as open_clip has it, and as we have it."""

    sources: Path
    folder: Path
    model: Any
    transform: Callable[[Image.Image], Any]
    tokenizer: Any
    image: ImageTower
    text: TextTower

    def image_rows(self, pictures: list[Image.Image]) -> Any:
        with torch.inference_mode():
            return self.model.encode_image(
                torch.stack([self.transform(one) for one in pictures]), normalize=True
            ).numpy()

    def text_rows(self, texts: list[str]) -> Any:
        with torch.inference_mode():
            return self.model.encode_text(self.tokenizer(texts), normalize=True).numpy()


@pytest.fixture(scope="module", params=["CLIP", "SIGLIP"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp(request.param)
    sources, built = checkpoint.build(folder, getattr(checkpoint, request.param))
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{sources}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{sources}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "ready", lambda _id: built)
        patch.setattr(models, "fetch", lambda _id: sources)
        patch.setattr(models, "locked", lambda _id: SimpleNamespace(digest="0" * 64))
        image, text = encoders(ModelRow("tiny", "openclip"))
        assert isinstance(image, ImageTower)
        assert isinstance(text, TextTower)
        yield Loaded(sources, built, model.eval(), transform, tokenizer, image, text)


@pytest.fixture(scope="module")
def source(tmp_path_factory: Any) -> Path:
    """A plain checkpoint, to be copied and broken."""
    return checkpoint.write(tmp_path_factory.mktemp("plain"), checkpoint.CLIP)


@pytest.fixture
def broken(source: Path, tmp_path: Path) -> Path:
    """A copy whose parts may be replaced; links where nothing is changed."""
    folder = tmp_path / "broken"
    folder.mkdir()
    for file in source.iterdir():
        os.link(file, folder / file.name)
    return folder


def photo(size: tuple[int, int], seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    grain = random.normal(0, 8, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def photos() -> list[Image.Image]:
    return [photo(size, seed) for seed, size in enumerate(SHAPES)]


def ours(tower: ImageTower | TextTower, payloads: list[Any]) -> Any:
    return tower.encode([tower.prepare(one) for one in payloads])


def least(a: Any, b: Any) -> float:
    return float((a.astype(np.float64) * b).sum(axis=1).min())


def reconfigure(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_bytes())
    change(config)
    file.unlink()  # it may be linked
    file.write_text(json.dumps(config))


# --- parity ---


def test_picture_vectors_are_open_clips(loaded: Loaded) -> None:
    pictures = photos()

    rows = ours(loaded.image, [np.asarray(one) for one in pictures])

    assert least(rows, loaded.image_rows(pictures)) >= PARITY


def test_network_input_is_open_clips_bit_by_bit(loaded: Loaded) -> None:
    for picture in photos():
        theirs = loaded.transform(picture).numpy()
        np.testing.assert_array_equal(loaded.image.prepare(np.asarray(picture)), theirs)


def test_float32_agrees_more_closely_still(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEHEAR_PRECISION", "f32")
    exact = ImageTower(ModelRow("tiny", "openclip"))
    pictures = photos()

    rows = ours(exact, [np.asarray(one) for one in pictures])

    assert "float32" in exact.describe()
    assert least(rows, loaded.image_rows(pictures)) >= 1 - 1e-6


def test_text_vectors_are_open_clips(loaded: Loaded) -> None:
    assert least(ours(loaded.text, TEXTS), loaded.text_rows(TEXTS)) >= 1 - 1e-6


@pytest.mark.parametrize("size", [(64, 64), (48, 80)], ids=["square", "wide"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize", ["shortest", "squash", "longest"])
def test_every_way_to_frame_a_picture_is_open_clips(
    resize: str, interpolation: str, size: tuple[int, int]
) -> None:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    said = {"interpolation": interpolation, "resize_mode": resize, "fill_color": 90}
    cfg = PreprocessCfg(size=size, mean=(0.0,) * 3, std=(1.0,) * 3, **said)
    theirs = image_transform_v2(cfg, is_train=False)
    kept = builder.framing({**said, "size": size}, size)
    part = ImagePart(Path("x"), size, (0.0,) * 3, (1.0,) * 3, **kept)

    for picture in photos():
        if resize == "longest" and 900 in picture.size:
            continue  # open_clip fails on what would become less than a pixel wide
        values = np.asarray(framed(picture, part), np.float32) / np.float32(255)
        np.testing.assert_array_equal(values.transpose(2, 0, 1), theirs(picture).numpy())


def test_a_strip_that_would_vanish_keeps_a_pixel() -> None:
    part = ImagePart(Path("x"), (64, 64), (0.5,) * 3, (0.5,) * 3, "bicubic", "longest", 7)

    assert framed(photo((900, 3)), part).size == (64, 64)


def test_text_networks_of_transformers_come_from_the_folder_alone(tmp_path: Path) -> None:
    """The builder itself compares the graph, fed with trimmed texts, with open_clip's vectors."""
    _, built = checkpoint.build(tmp_path, checkpoint.ROBERTA)
    text = read_towers(built).text

    assert text is not None
    assert (text.tokens, text.fixed, text.clean) == (40, False, "whitespace")


# --- laws ---


def test_a_payload_embeds_alike_alone_and_in_a_batch(loaded: Loaded) -> None:
    pixels = [np.asarray(one) for one in photos()]
    for tower, payloads in ((loaded.image, pixels), (loaded.text, TEXTS)):
        alone = np.concatenate([ours(tower, [one]) for one in payloads])
        together = ours(tower, [*payloads, *payloads[::-1]])
        assert least(together, np.concatenate([alone, alone[::-1]])) >= SAME
        assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
        assert tower.encode([]).shape == (0, tower.space.dim)


def test_both_towers_share_one_space(loaded: Loaded) -> None:
    assert loaded.image.space == loaded.text.space
    assert loaded.image.space.name == "tiny"


def test_what_a_row_chooses_is_part_of_the_space(loaded: Loaded) -> None:
    row = replace(loaded.image._row, hop_ms=2_000)

    assert ImageTower(row).space != loaded.image.space


def test_the_manifest_says_how_the_checkpoint_was_trained(loaded: Loaded) -> None:
    towers = read_towers(loaded.folder)
    config = json.loads((loaded.sources / "open_clip_config.json").read_bytes())

    assert towers.image is not None
    assert towers.text is not None
    assert list(towers.image.mean) == config["preprocess_cfg"]["mean"]
    assert towers.image.resize == config["preprocess_cfg"]["resize_mode"]
    assert towers.text.fixed == ("hf_tokenizer_name" in config["model_cfg"]["text_cfg"])


def test_the_torch_tower_for_gpus_is_the_same_tower(loaded: Loaded) -> None:
    """bfloat16 by autocast, as on a GPU, drifts no further than OpenVINO's."""
    from engine.encode.network import TorchNetwork

    batch = np.stack([loaded.image.prepare(np.asarray(one)) for one in photos()])
    wanted = loaded.image_rows(photos())
    for bf16, bound in ((False, 1 - 1e-6), (True, 0.9995)):
        module = builder.tower(loaded.sources, "image")
        network = TorchNetwork(module, "image", device="cpu", bf16=bf16)
        rows = network.run({"image": batch})
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert least(rows, wanted) >= bound


# --- the public way ---


def test_a_folder_of_the_users_own_is_built_once_and_asked_without_torch(
    source: Path, tmp_path: Path
) -> None:
    registry = tmp_path / "config" / "seehear" / "profiles.toml"
    registry.parent.mkdir(parents=True)
    registry.write_text(f'[model.mine]\nadapter = "openclip"\nsource = "folder:{source}"\n')
    code = """
import sys
import numpy as np
from engine import models
from engine.encode import encoders
image, text = encoders(models.registry().model("mine"))
rows = text.encode([text.prepare("a dog")])
assert (rows.shape, image.space.dim) == ((1, 48), 48), rows.shape
assert image.encode([image.prepare(np.zeros((9, 9, 3), np.uint8))]).shape == (1, 48)
heavy = {"torch", "open_clip", "transformers", "timm", "ftfy"} & sys.modules.keys()
assert not heavy, heavy
"""
    root = Path(__file__).resolve().parents[2]
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(root),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- refusals ---


def refused(folder: Path, into: Path, words: str) -> None:
    into.mkdir(exist_ok=True)
    with pytest.raises(ModelError, match=words):
        builder.build(folder, into)
    assert not (into / "towers.json").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("preprocess_cfg"), "how pictures are prepared"),
        (lambda c: c["preprocess_cfg"].pop("mean"), "are prepared .*mean"),
        (lambda c: c["preprocess_cfg"].pop("resize_mode"), "are prepared .*resize_mode"),
        (lambda c: c["preprocess_cfg"].update(mean=[0.5, 0.5]), "mean"),
        (lambda c: c["preprocess_cfg"].update(std=[0, 1, 1]), "std"),
        (lambda c: c["preprocess_cfg"].update(resize_mode="crop"), "resize_mode"),
        (lambda c: c.pop("model_cfg"), "describes no model"),
        (lambda c: c["model_cfg"]["text_cfg"].update(vocab_size=999), "size mismatch"),
        (lambda c: c["model_cfg"]["text_cfg"].update(layers=3), "Missing key"),
        (lambda c: c["model_cfg"]["vision_cfg"].update(layers=1), "Unexpected key"),
        (lambda c: c["model_cfg"]["vision_cfg"].update(colour="blue"), "colour"),
        (
            lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="vit_of_my_own"),
            "does not know: vit_of_my_own",
        ),
        (
            lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="hf-hub:a/b"),
            "does not know: hf-hub:a/b",
        ),
        (
            lambda c: c["model_cfg"]["text_cfg"].update(hf_model_name="roberta-base"),
            "its config.json is not in the folder",
        ),
        (
            lambda c: c["model_cfg"]["text_cfg"].update(tokenizer_kwargs={"reduction_mask": "x"}),
            "unknown way to tokenize: reduction_mask",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_configurations_that_cannot_be_trusted_are_refused(
    broken: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    reconfigure(broken, change)

    refused(broken, tmp_path / "into", words)


def test_weights_that_are_not_there_are_missed_by_name(broken: Path, tmp_path: Path) -> None:
    (broken / "open_clip_model.safetensors").unlink()

    refused(broken, tmp_path / "into", r"no weights .* open_clip_model\.safetensors")


def test_pickled_weights_are_not_even_looked_at(broken: Path, tmp_path: Path) -> None:
    (broken / "open_clip_model.safetensors").rename(broken / "open_clip_pytorch_model.bin")

    refused(broken, tmp_path / "into", "no weights")


def test_truncated_weights_are_refused(broken: Path, tmp_path: Path) -> None:
    file = broken / "open_clip_model.safetensors"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[: len(data) // 2])

    refused(broken, tmp_path / "into", r"(?i)safetensor|header|incomplete|buffer")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(
    broken: Path, tmp_path: Path, value: float
) -> None:
    from safetensors.torch import load_file

    state = load_file(broken / "open_clip_model.safetensors")
    state["visual.proj"][0, 0] = value
    (broken / "open_clip_model.safetensors").unlink()
    checkpoint.write_weights(broken, state)

    refused(broken, tmp_path / "into", r"visual\.proj holds values that are not finite")


@pytest.mark.parametrize("name", ["tokenizer_config.json", "open_clip_config.json"])
def test_code_in_the_folder_is_never_run(tmp_path: Path, name: str) -> None:
    config = deepcopy(checkpoint.SIGLIP)
    folder = checkpoint.write(tmp_path / "evil", config)
    marker = tmp_path / "marker"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    said = json.loads((folder / name).read_bytes())
    said["auto_map"] = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    (folder / name).write_text(json.dumps(said))

    refused(folder, tmp_path / "into", "asks to run code")
    assert not marker.exists()
