"""LAION's own checkpoints: our vectors are those of laion-clap's code, which stays contained."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.laion import BASE, SMALL, reference, write_laion
from checkpoints.own import own_models
from engine import encode, models
from engine.encode.audio_tower import AudioTower
from engine.encode.network import TorchNetwork
from engine.encode.text_tower import TextTower
from engine.encode.towers import read_towers
from engine.errors import ModelError
from engine.models import laion, laion_code
from engine.models.convert import convert
from engine.models.registry import ModelRow
from engine.types import Vectors
from making import white_noise

pytestmark = pytest.mark.skipif(
    not (find_spec("laion_clap") and find_spec("torchlibrosa")), reason="laion-clap is not here"
)

RATE, WINDOW = 48_000, 480_000
SAME = 0.9999
KINDS = ("unfused", "fused")
TEXTS = ["a dog barks", "This is a sound of rain.", "piano in a crowded room " * 30]


def chord(seconds: float, seed: int, level: float = 0.3) -> Any:
    steps = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * 180 * (seed + 1) * k * steps) / k for k in (1, 2, 3))
    return np.float32(level * wave + white_noise(len(steps), seed, level=level / 30))


SOUNDS = [chord(10, 0), chord(10, 1), chord(3.1, 2), chord(0.4, 3), chord(10, 4, level=4e-5)]


class Reference:
    """LAION's model of one kind, and the checkpoint that was saved of it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.fused = kind == "fused"
        code = laion_code.model_code()
        self.model = reference(code, SMALL, fused=self.fused)
        self.folder = folder
        write_laion(folder, self.model)

    def sounds(self, sounds: Sequence[Any]) -> Any:
        """As hook.get_audio_embedding_from_data does it, of windows one by one."""
        import torch

        rows = []
        for sound in sounds:
            wave = (np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16) / 32767.0
            whole = np.tile(wave, WINDOW // len(wave))
            wave = torch.from_numpy(np.pad(whole, (0, WINDOW - len(whole)))).float()
            given = {"waveform": wave, "longer": torch.tensor([False])}
            if self.fused:
                given["mel_fusion"] = torch.stack([_torchaudio_mel(wave)] * 4)
            with torch.no_grad():
                rows.append(self.model.get_audio_embedding([given]).numpy())
        return np.concatenate(rows)

    def texts(self) -> Any:
        import torch
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        options = {"padding": "max_length", "truncation": True, "max_length": 77}
        with torch.no_grad():
            given = dict(tokenizer(TEXTS, **options, return_tensors="pt"))
            return self.model.get_text_embedding(given).numpy()


def _torchaudio_mel(wave: Any) -> Any:
    """As laion_clap.training.data.get_mel makes it."""
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    mel = MelSpectrogram(
        sample_rate=RATE,
        n_fft=1024,
        win_length=1024,
        hop_length=480,
        center=True,
        pad_mode="reflect",
        power=2.0,
        norm=None,
        n_mels=64,
        f_min=50,
        f_max=14_000,
    )(wave)
    return AmplitudeToDB(top_db=None)(mel).T


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reference]:
    place = tmp_path_factory.mktemp("laion")
    return {kind: Reference(kind, place / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def rows(
    references: dict[str, Reference], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ModelRow]]:
    mine = {kind: ("laion", one.folder) for kind, one in references.items()}
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


def test_sounds_are_laions_own(
    kind: str, references: dict[str, Reference], towers: tuple[TextTower, AudioTower]
) -> None:
    assert least(embed(towers[1], SOUNDS), references[kind].sounds(SOUNDS)) >= SAME


def test_texts_are_laions_own(
    kind: str, references: dict[str, Reference], towers: tuple[TextTower, AudioTower]
) -> None:
    assert least(embed(towers[0], TEXTS), references[kind].texts()) >= SAME


def test_the_sounds_and_texts_compared_are_quite_different(
    towers: tuple[TextTower, AudioTower],
) -> None:
    for encoder, payloads in zip(towers, (TEXTS, SOUNDS), strict=True):
        rows = embed(encoder, payloads)
        assert (rows @ rows.T - 2 * np.eye(len(rows))).max() < 0.999


def test_a_row_depends_on_its_window_alone(towers: tuple[TextTower, AudioTower]) -> None:
    alone = np.concatenate([embed(towers[1], [one]) for one in SOUNDS])

    assert least(embed(towers[1], SOUNDS[::-1]), alone[::-1]) >= 1 - 1e-5


def test_the_spectrogram_is_the_one_it_was_trained_on(rows: dict[str, ModelRow]) -> None:
    parts = [read_towers(models.ready(kind)).audio for kind in rows]
    mels = [part.mel for part in parts if part]

    assert [(mel["scale"], mel["int16"]) for mel in mels] == [("slaney", True), ("htk", True)]


def test_the_tower_that_a_gpu_would_get_agrees(
    kind: str, towers: tuple[TextTower, AudioTower]
) -> None:
    audio = towers[1]
    models.ready(kind)  # converts the checkpoint
    module = laion.tower(models.fetch(kind), "audio")
    network = TorchNetwork(module, "mel", device="cpu", bf16=False)
    vectors = network.run({"mel": np.stack([audio.prepare(one) for one in SOUNDS])})
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    assert least(vectors, embed(audio, SOUNDS)) >= SAME


# --- sizes, tokenizers, other checkpoints ---


@pytest.mark.parametrize("fused", [True, False])
def test_sizes_are_those_of_the_weights(*, fused: bool) -> None:
    code = laion_code.model_code()
    sizes = SMALL | {"embed_dim": 32, "depths": [1, 2, 2, 1]}
    state = reference(code, sizes, fused=fused).state_dict()
    found = laion.network(state, code)

    wanted = {name: value.shape for name, value in state.items()}
    assert {name: value.shape for name, value in found.state_dict().items()} == wanted
    assert found.audio_branch.enable_fusion is fused


def test_htsat_base_is_known_by_its_shapes() -> None:
    import torch

    bias = "audio_branch.layers.{}.blocks.{}.attn.relative_position_bias_table"
    state = {
        bias.format(stage, block): torch.zeros(225, BASE["num_heads"][stage])
        for stage, depth in enumerate(BASE["depths"])
        for block in range(depth)
    }
    state["audio_branch.patch_embed.proj.weight"] = torch.zeros(128, 1, 4, 4)
    state["audio_branch.tscam_conv.weight"] = torch.zeros(527, 1024, 2, 3)

    assert laion._sizes(state) == BASE | {"num_classes": 527}


def small(folder: Path, *, tokenizer: bool = True) -> Path:
    """A folder with a small checkpoint that has been converted."""
    model = reference(laion_code.model_code(), SMALL)
    file = write_laion(folder, model, tokenizer=tokenizer)
    convert(file, file.with_suffix(".safetensors"))
    return folder


def test_the_tokenizer_may_come_from_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    write_laion(folder, reference(laion_code.model_code(), SMALL))
    repository = tmp_path / "hugging" / "hub" / "models--roberta-base"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    for name in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"):
        (folder / name).rename(snapshot / name)

    monkeypatch.setenv("HF_HOME", str(tmp_path / "hugging"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    assert laion.tokenizer_folder(folder) == snapshot
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match="roberta-base is missing"):
        laion.tokenizer_folder(folder)


def test_filters_of_another_kind_are_refused() -> None:
    model = reference(laion_code.model_code(), SMALL)
    assert laion.mel_of(model)["scale"] == "slaney"
    model.audio_branch.logmel_extractor.melW.data *= 1.01

    with pytest.raises(ModelError, match="spectrograms"):
        laion.mel_of(model)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"module.conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not of LAION's CLAP"):
        laion.load(tmp_path)
    save_file({"module.conv.weight": torch.zeros(3)}, tmp_path / "another.safetensors")
    with pytest.raises(ModelError, match="one checkpoint is wanted"):
        laion.load(tmp_path)


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = next(small(tmp_path).glob("*.safetensors"))
    state = load_file(file)
    del state["module.audio_branch.norm.weight"]
    save_file(state, file)

    with pytest.raises(ModelError, match=r"audio_branch\.norm\.weight is missing"):
        laion.load(tmp_path)


# --- what the package may not do ---


def test_the_model_code_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    path, marker = list(sys.path), object()
    monkeypatch.setitem(sys.modules, "h5py", marker)  # type: ignore[arg-type]

    code = laion_code.model_code()

    assert code.model.CLAP.__module__ == "laion_clap.clap_module.model"
    assert sys.path == path
    assert sys.modules["h5py"] is marker
    names = {name.partition(".")[0] for name in sys.modules}
    assert not names & {"laion_clap", "clap_module", "training", "torchlibrosa"}


def test_nothing_but_a_build_imports_the_package() -> None:
    code = (
        "import sys, engine.encode.laion, engine.encode.audio_tower, engine.models\n"
        "assert not {n for n in sys.modules if n.split('.')[0] in "
        "{'laion_clap', 'torch', 'transformers', 'torchlibrosa'}}, 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_package_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laion_code, "find_spec", lambda _name: None)

    with pytest.raises(ModelError, match=r"laion-clap is needed .* pip install"):
        laion_code.model_code()
