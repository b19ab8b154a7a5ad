"""CLAP as transformers saves it: our vectors are ClapModel's own, and nothing is random."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.clap import edit, write_clap
from checkpoints.own import own_models
from engine import encode, models
from engine.encode.audio_tower import AudioTower
from engine.encode.network import TorchNetwork
from engine.encode.text_tower import TextTower
from engine.errors import ModelError
from engine.models import clap
from engine.models.registry import ModelRow
from engine.ports import AudioRule
from engine.types import Vectors
from making import white_noise

RATE = 48_000
SAME = 0.9999
KINDS = ("unfused", "fused")

TEXTS = [
    "",
    "a dog barks",
    "This is a sound of rain.",
    "犬が雨の中で吠える, naïve café",
    "thunder rolls over the hills while somebody sings " * 20,
]


def chord(seconds: float, seed: int) -> Any:
    steps = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 180 * (seed + 1) * k * steps) / k for k in (1, 2, 3))
    swell = np.abs(np.sin(np.pi * (seed + 1) * steps / 7))
    return np.float32(0.3 * wave * swell + white_noise(len(steps), seed, level=0.01))


SOUNDS = [chord(seconds, i) for i, seconds in enumerate((10, 10, 7.3, 4.9, 3.1, 0.4))]
AWKWARD = {
    "one sample": np.float32([0.5]),
    "50 ms": white_noise(RATE // 20),
    "silence": np.zeros(RATE, np.float32),
    "clipped": np.sign(white_noise(RATE)),
    "60 s": white_noise(60 * RATE),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("clap")
    return {kind: write_clap(place / kind, fused=kind == "fused") for kind in KINDS}


@pytest.fixture(scope="module")
def rows(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ModelRow]]:
    mine = {kind: ("clap", folder) for kind, folder in folders.items()}
    with own_models(tmp_path_factory.mktemp("home"), mine) as found:
        yield found


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def towers(kind: str, rows: dict[str, ModelRow]) -> tuple[TextTower, AudioTower]:
    text, audio = encode.encoders(rows[kind])
    assert isinstance(text, TextTower)
    assert isinstance(audio, AudioTower)
    return text, audio


def embed(encoder: AudioTower | TextTower, payloads: Sequence[Any]) -> Vectors:
    return encoder.encode([encoder.prepare(one) for one in payloads])


def least(ours: Vectors, theirs: Vectors) -> float:
    return float((ours * theirs).sum(axis=1).min())


def their_sounds(folder: Path, sounds: Sequence[Any]) -> Any:
    """What transformers says of windows one by one, never called longer than they are."""
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    extractor = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    model = ClapModel.from_pretrained(folder, local_files_only=True).eval()
    rows = []
    for sound in sounds:
        mel = extractor([sound], sampling_rate=RATE, return_tensors="pt")["input_features"]
        with torch.no_grad():
            said = model.get_audio_features(mel, torch.tensor([[False]]))
        rows.append(said.pooler_output.numpy())
    return np.concatenate(rows)


def their_texts(folder: Path) -> Any:
    import torch
    from transformers import AutoTokenizer, ClapModel

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = ClapModel.from_pretrained(folder, local_files_only=True).eval()
    options = {"padding": "max_length", "truncation": True, "max_length": 77}
    with torch.no_grad():
        said = model.get_text_features(**tokenizer(TEXTS, **options, return_tensors="pt"))
    return said.pooler_output.numpy()


def test_sounds_are_transformers_own(
    kind: str, folders: dict[str, Path], towers: tuple[TextTower, AudioTower]
) -> None:
    assert least(embed(towers[1], SOUNDS), their_sounds(folders[kind], SOUNDS)) >= SAME


def test_texts_are_transformers_own(
    kind: str, folders: dict[str, Path], towers: tuple[TextTower, AudioTower]
) -> None:
    assert least(embed(towers[0], TEXTS), their_texts(folders[kind])) >= SAME


def test_the_sounds_and_texts_compared_are_quite_different(
    towers: tuple[TextTower, AudioTower],
) -> None:
    """Or the comparisons above would prove nothing."""
    for encoder, payloads in zip(towers, (TEXTS, SOUNDS), strict=True):
        rows = embed(encoder, payloads)
        assert (rows @ rows.T - 2 * np.eye(len(rows))).max() < 0.999


def test_a_row_depends_on_its_window_alone(towers: tuple[TextTower, AudioTower]) -> None:
    audio = towers[1]
    alone = np.concatenate([embed(audio, [one]) for one in SOUNDS])

    for order in (range(6), (5, 0, 3), (1, 1, 1, 2)):
        assert least(embed(audio, [SOUNDS[i] for i in order]), alone[list(order)]) >= 1 - 1e-5


def test_awkward_sounds_get_unit_rows(towers: tuple[TextTower, AudioTower]) -> None:
    audio = towers[1]
    together = embed(audio, list(AWKWARD.values()))

    assert np.isfinite(together).all()
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    alone = np.concatenate([embed(audio, [one]) for one in AWKWARD.values()])
    assert least(together, alone) >= 1 - 1e-5


def test_more_than_a_window_is_its_first_window(towers: tuple[TextTower, AudioTower]) -> None:
    long = np.concatenate([SOUNDS[0], SOUNDS[1]])

    assert least(embed(towers[1], [long]), embed(towers[1], [SOUNDS[0]])) >= 1 - 1e-6


def test_no_sounds_are_no_rows(towers: tuple[TextTower, AudioTower]) -> None:
    assert embed(towers[1], []).shape == (0, 64)


def test_it_says_what_it_is(towers: tuple[TextTower, AudioTower], kind: str) -> None:
    text, audio = towers

    assert audio.rule == AudioRule(RATE, 10_000, 5_000)
    assert text.rule.max_characters == 300
    assert (audio.weights, audio.space.name, audio.space.dim) == ((kind,), kind, 64)
    assert "float32" in audio.describe()


def test_the_mel_scale_is_the_checkpoints(rows: dict[str, ModelRow]) -> None:
    said = [json.loads((models.ready(kind) / "towers.json").read_text()) for kind in rows]

    assert [one["audio"]["mel"]["scale"] for one in said] == ["slaney", "htk"]


def test_in_bfloat16_it_stays_near(
    kind: str, rows: dict[str, ModelRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = embed(AudioTower(rows[kind]), SOUNDS)
    monkeypatch.setenv("SEEHEAR_PRECISION", "auto")

    assert least(embed(AudioTower(rows[kind]), SOUNDS), exact) >= 0.999


def test_the_tower_that_a_gpu_would_get_agrees(
    kind: str, folders: dict[str, Path], towers: tuple[TextTower, AudioTower]
) -> None:
    audio = towers[1]
    network = TorchNetwork(clap.tower(folders[kind], "audio"), "mel", device="cpu", bf16=False)
    rows = network.run({"mel": np.stack([audio.prepare(one) for one in SOUNDS])})
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    assert least(rows, embed(audio, SOUNDS)) >= SAME


def test_a_registry_that_contradicts_the_files_is_named(rows: dict[str, ModelRow]) -> None:
    from dataclasses import replace

    for wrong in ({"window_ms": 7_000}, {"rate": 44_100}):
        with pytest.raises(ModelError, match=next(iter(wrong))):
            AudioTower(replace(rows["unfused"], **wrong)).prepare(SOUNDS[0])


# --- what is refused ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_clap(tmp_path / "mine")


def reweighed(folder: Path, **changes: Any) -> Path:
    """Replace tensors of the weights; None removes one."""
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors") | changes
    save_file({k: v for k, v in state.items() if v is not None}, folder / "model.safetensors")
    return folder


def test_weights_that_do_not_fit_are_refused_in_a_sentence(folder: Path) -> None:
    import torch

    bias, extra = "audio_projection.linear1.bias", "text_model.pooler.more"
    for change, said in (
        ({bias: None}, f"{bias} is missing"),
        ({bias: torch.zeros(5)}, r"shape \(5,\) instead of \(64,\)"),
        ({bias: torch.zeros(64), extra: torch.zeros(1)}, f"{extra} belongs to another network"),
    ):
        with pytest.raises(ModelError, match=said):
            clap.load(reweighed(folder, **change))


def test_what_versions_of_transformers_left_behind_is_tolerated(folder: Path) -> None:
    import torch

    left = "text_model.embeddings."
    clap.load(reweighed(folder, **{f"{left}position_ids": None, f"{left}token_type_ids": None}))
    clap.load(reweighed(folder, **{f"{left}position_ids": torch.arange(514)[None]}))


def test_another_way_to_prepare_sounds_is_refused(folder: Path) -> None:
    for change in ({"padding": "pad"}, {"truncation": "middle"}, {"top_db": 80}):
        write_clap(folder)
        edit(folder / "preprocessor_config.json", **change)
        with pytest.raises(ModelError, match="preprocessor_config"):
            clap.read_mel(folder)


def test_another_model_is_refused(folder: Path) -> None:
    edit(folder / "config.json", model_type="clip")

    with pytest.raises(ModelError, match="no CLAP"):
        clap.load(folder)


def test_a_tokenizer_of_more_words_is_refused(folder: Path, tmp_path: Path) -> None:
    import torch

    short = {"text_model.embeddings.word_embeddings.weight": torch.zeros(99, 48)}
    reweighed(folder, **short)
    text = json.loads((folder / "config.json").read_text())["text_config"]
    edit(folder / "config.json", text_config=text | {"vocab_size": 99})

    with pytest.raises(ModelError, match="384 tokens and the weights have 99"):
        clap.build(folder, tmp_path)


def test_vocabulary_and_merges_do_for_a_tokenizer(folder: Path) -> None:
    from engine.models.pretrained import read_tokenizer

    wanted = [read_tokenizer(folder, 77).encode(text).ids for text in TEXTS]
    (folder / "tokenizer.json").unlink()

    assert [read_tokenizer(folder, 77).encode(text).ids for text in TEXTS] == wanted
    (folder / "vocab.json").unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        read_tokenizer(folder, 77)


@pytest.mark.parametrize("place", ["config.json", "tokenizer_config.json"])
def test_code_in_the_folder_is_refused_and_never_run(
    place: str, folder: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    (folder / "modeling_evil.py").write_text(f"open({str(marker)!r}, 'w')")
    edit(folder / place, auto_map={"AutoModel": "modeling_evil.Evil"})

    with own_models(tmp_path / "home", {"evil": ("clap", folder)}) as rows:
        audio = AudioTower(rows["evil"])
        for remove in ("modeling_evil.py", "nothing"):
            with pytest.raises(ModelError, match="refused"):
                audio.prepare(SOUNDS[0])
            (folder / remove).unlink(missing_ok=True)

    assert not marker.exists()
