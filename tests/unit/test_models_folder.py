"""A user's own folder: hashed once, and refused for code, pickles, links and odd containers."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models import (
    BUILDERS,
    BuilderRow,
    all_locked,
    is_ready,
    locked,
    ready,
    remove,
    size_of,
    verify,
)
from engine.models import receipt as receipt_module
from engine.models import refusals as refusals_module
from engine.models.reading import READINGS
from engine.models.refusals import inspect
from forged import BROKEN, GOOD, Evil

FILES = {
    "open_clip_config.json": b'{"model_cfg": {"embed_dim": 8}}',
    "open_clip_model.safetensors": GOOD,
    "tokenizer.json": b'{"model": {"vocab": {"auto_map": 1}}}',
    "README.md": b"mine",
}


class Desk:
    """A user's folder of a model, and the row that names it."""

    def __init__(self, home: Path) -> None:
        self.folder, self.marker = home / "my model", home / "marker"
        self.config = home / "config/seehear/profiles.toml"
        self.config.parent.mkdir(parents=True)
        self.folder.mkdir()
        for name, data in FILES.items():
            (self.folder / name).write_bytes(data)
        self.row()

    def row(self, adapter: str = "openclip", source: str = "") -> None:
        source = source or f"folder:{self.folder}"
        self.config.write_text(f"[model.mine]\nadapter = {adapter!r}\nsource = {source!r}\n")

    def evil(self) -> bytes:
        return pickle.dumps(Evil(self.marker))

    def refuses(self, said: str, *, file: str) -> None:
        with pytest.raises(ModelError, match=said) as caught:
            ready("mine")
        assert file in caught.value.sentence
        assert caught.value.hint
        assert not self.marker.exists()
        assert not is_ready("mine")


BUILDER = """
import shutil
def build(sources, into):
    shutil.copy(sources / "open_clip_config.json", into / "built.json")
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "folder_builder.py").write_text(BUILDER)
    monkeypatch.setitem(BUILDERS, "openclip", BuilderRow("folder_builder", "1"))
    return Desk(tmp_path)


def test_a_folder_is_locked_linked_and_built(desk: Desk) -> None:
    model = locked("mine")

    assert [file.name for file in model.files] == [name for name in FILES if name != "README.md"]
    assert model.licence == "unknown (your own folder)"
    assert size_of("mine") == 0
    built = ready("mine")
    assert (built / "built.json").read_bytes() == FILES["open_clip_config.json"]
    linked = built.parent / "open_clip_model.safetensors"
    assert linked.samefile(desk.folder / "open_clip_model.safetensors")
    assert is_ready("mine")
    assert verify("mine") == built.parent
    remove("mine")
    assert (desk.folder / "open_clip_model.safetensors").read_bytes() == GOOD


@pytest.mark.usefixtures("desk")
def test_a_warm_folder_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    built = ready("mine")
    monkeypatch.setattr(receipt_module, "sha256_of", lambda *_a, **_k: pytest.fail("hashed"))

    assert ready("mine") == built


def test_a_changed_file_is_another_model(desk: Desk) -> None:
    first, built = locked("mine").digest, ready("mine")
    (desk.folder / "open_clip_config.json").write_bytes(b'{"model_cfg": {"embed_dim": 9}}')

    assert locked("mine").digest != first
    assert not is_ready("mine")
    assert ready("mine") != built


def test_a_folder_in_the_cache_of_the_hub_client_may_link_to_its_blobs(
    desk: Desk, tmp_path: Path
) -> None:
    snapshot = tmp_path / "hub/models--us--clip/snapshots/abc"
    blobs = tmp_path / "hub/models--us--clip/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name, data in FILES.items():
        (blobs / f"blob-{name}").write_bytes(data)
        (snapshot / name).symlink_to(f"../../blobs/blob-{name}")
    desk.row(source=f"folder:{snapshot}")

    linked = ready("mine").parent / "open_clip_model.safetensors"
    assert not linked.is_symlink()
    assert linked.read_bytes() == GOOD


# --- code ---


@pytest.mark.parametrize("name", ["modeling_mine.py", "sub/deep/Setup.PY", "fast.so"])
def test_code_is_refused(desk: Desk, name: str) -> None:
    (desk.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (desk.folder / name).write_text(f"open({str(desk.marker)!r}, 'w')")

    desk.refuses("must not contain code", file=Path(name).name)


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("config.json", {"auto_map": {"AutoModel": "modeling.Mine"}}),
        ("config.json", {"text_config": {"vision": [{"auto_map": {}}]}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["t.T", None]}}),
        ("text_encoder/config.json", {"auto_map": {"AutoModel": "other/repo--m.M"}}),
        ("open_clip_config.json", {"model_cfg": {"custom_pipelines": {}}}),
    ],
)
def test_settings_that_name_code_are_refused(desk: Desk, name: str, tree: object) -> None:
    (desk.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (desk.folder / name).write_text(json.dumps(tree))

    desk.refuses("names code to be run", file=name)


@pytest.mark.parametrize(
    "tree",
    [
        [{"type": "sentence_transformers.models.Pooling"}, {"type": "custom.Transformer"}],
        [{"type": "sentence_transformers_evil.Pooling"}],
        [{"idx": 0}],
        ["x"],
        {"type": "os.system"},
    ],
)
def test_foreign_classes_are_refused(desk: Desk, tree: object) -> None:
    (desk.folder / "modules.json").write_text(json.dumps(tree))

    desk.refuses("is not a class of sentence_transformers", file="modules.json")


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b"[" * 200_000])
def test_settings_that_are_no_json_are_refused(desk: Desk, data: bytes) -> None:
    (desk.folder / "config.json").write_bytes(data)

    desk.refuses("it is not JSON", file="config.json")


# --- pickles ---


@pytest.mark.parametrize(
    "name",
    ["pytorch_model.bin", "a.pt", "a.ckpt", "a.pkl", "a.pth", "a.npy", "a.joblib", "sub/a.PT"],
)
def test_pickles_are_refused(desk: Desk, name: str) -> None:
    (desk.folder / name).parent.mkdir(exist_ok=True)
    (desk.folder / name).write_bytes(desk.evil())

    desk.refuses("can run code when it is read", file=Path(name).name)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_is_not_believed_to_be_safetensors(desk: Desk, *, zipped: bool) -> None:
    path = desk.folder / "open_clip_model.safetensors"
    path.write_bytes(desk.evil())
    if zipped:
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("archive/data.pkl", desk.evil())

    desk.refuses("safetensors", file=path.name)


def test_a_checkpoint_for_the_converter_runs_nothing(desk: Desk) -> None:
    (desk.folder / "630k.pt").write_bytes(desk.evil())
    desk.row(adapter="laion")

    desk.refuses("630k.pt was refused", file="630k.pt")


def test_of_several_checkpoints_none_is_guessed(desk: Desk) -> None:
    for name in ("a.pt", "b.pt"):
        (desk.folder / name).write_bytes(desk.evil())
    desk.row(adapter="laion")

    desk.refuses("holds 2 checkpoints: a.pt, b.pt", file="a.pt")


# --- containers ---


@pytest.mark.parametrize(("data", "said"), BROKEN.values(), ids=BROKEN)
def test_a_container_that_is_off_is_refused(desk: Desk, data: bytes, said: str) -> None:
    (desk.folder / "open_clip_model.safetensors").write_bytes(data)

    desk.refuses(f"was refused: .*{said}", file="open_clip_model.safetensors")


def test_weights_in_parts_are_taken_together(desk: Desk) -> None:
    (desk.folder / "config.json").write_text("{}")
    for i in (1, 2):
        (desk.folder / f"model-0000{i}-of-00002.safetensors").write_bytes(GOOD)
    desk.row(adapter="sentence")

    names = [file.name for file in locked("mine").files]
    assert names[1:3] == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def test_containers_that_torch_writes_are_taken(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    kinds = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    made = {f"t{i}": torch.ones(3, 5).to(kind) for i, kind in enumerate(kinds)}
    made |= {"scalar": torch.tensor(2.0), "none": torch.ones(0, 4)}
    save_file(made, tmp_path / "a.safetensors", metadata={"format": "pt"})

    inspect(tmp_path / "a.safetensors", tmp_path / "a.safetensors")


# --- links, sizes, places ---


def test_links_that_lead_out_are_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (desk.folder / "config.json").symlink_to(tmp_path / "secret.json")

    desk.refuses("a link that leads to", file="config.json")


def test_folders_that_lead_out_are_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (desk.folder / "1_Pooling").symlink_to(tmp_path / "other")

    desk.refuses("a link that leads to", file="1_Pooling")


def test_a_link_inside_the_folder_is_taken(desk: Desk) -> None:
    (desk.folder / "vocab.txt").symlink_to("README.md")

    assert (ready("mine").parent / "vocab.txt").read_bytes() == b"mine"


def test_a_pipe_is_refused_and_not_waited_for(desk: Desk) -> None:
    os.mkfifo(desk.folder / "config.json")

    desk.refuses("not a plain file", file="config.json")


@pytest.mark.parametrize("cap", ["MOST_BYTES", "MOST_ENTRIES"])
def test_a_folder_of_too_much_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cap: str
) -> None:
    monkeypatch.setattr(refusals_module, cap, 3)

    desk.refuses("holds more than", file=str(desk.folder))


def test_settings_of_too_much_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals_module, "MOST_JSON", 10)

    desk.refuses("settings of more than", file="open_clip_config.json")


@pytest.mark.parametrize("scheme", ["file", "folder"])
def test_bare_weights_are_refused(desk: Desk, scheme: str) -> None:
    desk.row(source=f"{scheme}:{desk.folder}/open_clip_model.safetensors")

    desk.refuses("its preprocessing is unknown", file="open_clip_model.safetensors")


def test_a_folder_without_preprocessing_is_refused(desk: Desk) -> None:
    (desk.folder / "open_clip_config.json").unlink()

    desk.refuses("its preprocessing is unknown", file="open_clip_config.json")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("folder:/nowhere/at/all", "no folder /nowhere"),
        ("folder:models/mine", "needs a path from the root"),
        ("ftp:somewhere", "cannot read"),
        ("hub:", "cannot read"),
        ("hub:somewhere", "not OWNER/NAME@COMMIT|not on this computer"),
    ],
)
def test_a_source_that_leads_nowhere_is_said(desk: Desk, source: str, said: str) -> None:
    desk.row(source=source)

    with pytest.raises(ModelError, match=said):
        ready("mine")
    assert [one.id for one in all_locked()][-1] == "mine"


def test_an_adapter_that_reads_nothing_foreign_is_said(desk: Desk) -> None:
    desk.row(adapter="soundfx")

    with pytest.raises(ModelError, match="reads no files of others"):
        ready("mine")


def test_a_folder_of_another_adapter_is_built_anew() -> None:
    assert len({BUILDERS[name].version for name in READINGS}) == len(READINGS)


def test_a_refused_folder_leaves_nothing_sealed(desk: Desk, tmp_path: Path) -> None:
    (desk.folder / "open_clip_model.safetensors").write_bytes(GOOD[:-1])

    desk.refuses("was refused", file="open_clip_model.safetensors")
    assert not list((tmp_path / "cache").rglob("open_clip_model*"))
