"""Folders of sentence-transformers: our vectors are transformers' states, pooled by hand."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.clap import edit
from checkpoints.own import own_models
from checkpoints.sentence import E5, write_dense, write_modules, write_sentence
from engine import encode, models
from engine.encode.text_tower import TextTower
from engine.encode.towers import read_towers
from engine.errors import ModelError
from engine.models import sentence
from engine.models.registry import ModelRow
from engine.types import Vectors

SAME = 0.9999
TEXTS = [
    "a dog barks",
    "Ein Hund bellt im Regen",
    "le chien aboie sous la pluie; 犬が雨の中で吠える",
    "thunder rolls over the hills while somebody sings " * 20,
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("sentence")
    e5 = write_sentence(
        place / "e5", "xlm-roberta", prompts=E5, default_prompt_name="query", pooling="cls_token"
    )
    return {
        "bert": write_dense(write_sentence(place / "bert"), width=20),
        "e5": e5,
        "plain": write_sentence(place / "plain", "xlm-roberta", pooling="max_tokens", prompts=E5),
    }


@pytest.fixture(scope="module")
def rows(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ModelRow]]:
    mine = {kind: ("sentence", folder) for kind, folder in folders.items()}
    with own_models(tmp_path_factory.mktemp("home"), mine) as found:
        yield found


def embed(encoder: Any, texts: Sequence[str]) -> Vectors:
    rows: Vectors = encoder.encode([encoder.prepare(one) for one in texts])
    return rows


def least(ours: Vectors, theirs: Vectors) -> float:
    theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    return float((ours * theirs).sum(axis=1).min())


def their_states(folder: Path, texts: Sequence[str]) -> tuple[Any, Any]:
    """What transformers says of a padded batch: states (n, t, width) and mask (n, t, 1)."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    options = {"padding": True, "truncation": True, "max_length": 32, "return_tensors": "pt"}
    given = tokenizer(list(texts), **options)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        states = model(**given).last_hidden_state
    return states.numpy(), given["attention_mask"][:, :, None].numpy()


def test_a_bert_with_mean_pooling_and_a_dense_layer(
    rows: dict[str, ModelRow], folders: dict[str, Path]
) -> None:
    from safetensors.numpy import load_file

    (text,) = encode.encoders(rows["bert"])
    states, mask = their_states(folders["bert"], TEXTS)
    dense = load_file(folders["bert"] / "2_Dense" / "model.safetensors")
    pooled = (states * mask).sum(1) / mask.sum(1)
    wanted = np.tanh(pooled @ dense["linear.weight"].T + dense["linear.bias"])

    assert text.space.dim == 20
    assert least(embed(text, TEXTS), wanted) >= SAME


def test_an_xlm_roberta_with_its_first_token_and_a_prompt(
    rows: dict[str, ModelRow], folders: dict[str, Path]
) -> None:
    states, _ = their_states(folders["e5"], [f"query: {one}" for one in TEXTS])

    assert least(embed(TextTower(rows["e5"]), TEXTS), states[:, 0]) >= SAME


def test_an_xlm_roberta_with_the_largest_values(
    rows: dict[str, ModelRow], folders: dict[str, Path]
) -> None:
    """Its folder has prompts, but none by default."""
    states, mask = their_states(folders["plain"], TEXTS)
    wanted = np.where(mask > 0, states, -np.inf).max(1)

    assert least(embed(TextTower(rows["plain"]), TEXTS), wanted) >= SAME


def test_the_poolings_are_far_apart(folders: dict[str, Path]) -> None:
    """What the comparisons above would see if one were taken for another."""
    states, mask = their_states(folders["plain"], TEXTS)
    mean = (states * mask).sum(1) / mask.sum(1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)

    assert least(mean, states[:, 0]) < 0.95
    assert least(mean, np.where(mask > 0, states, -np.inf).max(1)) < 0.95


def test_a_text_does_not_depend_on_its_neighbours(rows: dict[str, ModelRow]) -> None:
    text = TextTower(rows["e5"])
    alone = np.concatenate([embed(text, [one]) for one in TEXTS])

    assert least(embed(text, [*TEXTS, "", *TEXTS])[:4], alone) >= 1 - 1e-5


def test_white_space_at_the_ends_means_nothing(rows: dict[str, ModelRow]) -> None:
    """sentence-transformers strips texts before it tokenizes them."""
    text = TextTower(rows["plain"])

    assert least(embed(text, ["  a dog barks\n"]), embed(text, ["a dog barks"])) >= 1 - 1e-6


def test_the_manifest_says_what_the_folder_says(rows: dict[str, ModelRow]) -> None:
    part = read_towers(models.ready(rows["e5"].id)).text

    assert part is not None
    assert (part.tokens, part.pad, part.prefix) == (32, 1, "query: ")


# --- what is refused, what is read ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sentence(tmp_path / "mine")


def settings(folder: Path) -> sentence.Settings:
    return sentence.read_settings(folder, sentence.load(folder).config)


@pytest.mark.parametrize(
    "names",
    [
        ("Transformer", "Pooling", "my_code.Evil"),
        ("Transformer", "Pooling", "LSTM"),
        ("evil.sentence_transformers.models.Transformer", "Pooling"),
        ("Transformer",),
        ("Pooling", "Transformer"),
    ],
    ids=str,
)
def test_other_modules_are_refused(names: tuple[str, ...], folder: Path) -> None:
    write_modules(folder, *names)

    with pytest.raises(ModelError, match=r"modules\.json"):
        settings(folder)


def test_other_poolings_are_refused(folder: Path) -> None:
    file = folder / "1_Pooling" / "config.json"
    for change in (
        {"pooling_mode_mean_tokens": None, "pooling_mode_lasttoken": True},
        {"pooling_mode_cls_token": True},
    ):
        edit(file, **change)
        with pytest.raises(ModelError, match="pooling"):
            settings(folder)


def test_the_newer_words_for_pooling_are_read(folder: Path) -> None:
    edit(folder / "1_Pooling" / "config.json", pooling_mode_mean_tokens=None, pooling_mode="cls")

    assert settings(folder).pooling == "cls"


def test_a_folder_made_flat_is_read_alike(folder: Path) -> None:
    wanted = settings(folder)
    (folder / "1_Pooling" / "config.json").rename(folder / "pooling.json")

    assert settings(folder) == wanted
    (folder / "pooling.json").unlink()
    with pytest.raises(ModelError, match=r"pooling\.json is not in the folder"):
        settings(folder)


def test_a_plain_folder_of_transformers_is_pooled_by_the_mean(folder: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (folder / name).unlink()

    found = settings(folder)
    assert (found.pooling, found.tokens, found.prefix) == ("mean", 140, "")


def test_lengths_end_where_positions_end(tmp_path: Path) -> None:
    folder = write_sentence(tmp_path / "mine", "xlm-roberta")
    edit(folder / "sentence_bert_config.json", max_seq_length=None)

    assert settings(folder).tokens == 138  # 140 positions, of which two stand for padding


def test_lower_case_is_put_before_the_tokenizer(tmp_path: Path) -> None:
    from engine.models.pretrained import read_tokenizer

    cased = write_sentence(tmp_path / "cased", "xlm-roberta")
    tokenizer = read_tokenizer(cased, 32)
    wanted = tokenizer.encode("a dog barks").ids
    assert tokenizer.encode("A Dog BARKS").ids != wanted
    edit(cased / "sentence_bert_config.json", do_lower_case=True)
    assert settings(cased).lower
    sentence._normalise(tokenizer, lower=True)

    assert tokenizer.encode("A Dog BARKS").ids == wanted


def test_a_prompt_that_is_not_there_is_refused(folder: Path) -> None:
    edit(folder / "config_sentence_transformers.json", default_prompt_name="query")

    with pytest.raises(ModelError, match="prompt 'query'"):
        settings(folder)


def test_a_dense_layer_with_code_is_refused(folder: Path) -> None:
    write_dense(folder, width=8, activation="my_code.Evil")

    with pytest.raises(ModelError, match=r"my_code\.Evil"):
        sentence._layers(settings(folder))


def test_a_pooler_that_nothing_asks_may_be_missing(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    state = load_file(file)
    without = {name: value for name, value in state.items() if not name.startswith("pooler.")}
    assert len(without) < len(state)
    save_file({f"bert.{name}": value for name, value in without.items()}, file)
    sentence.load(folder)

    del without["encoder.layer.0.output.dense.bias"]
    save_file(without, file)
    with pytest.raises(ModelError, match=r"layer\.0\.output\.dense\.bias is missing"):
        sentence.load(folder)


def test_an_unknown_family_is_refused(folder: Path) -> None:
    edit(folder / "config.json", model_type="telepathy")

    with pytest.raises(ModelError, match=r"config\.json"):
        sentence.load(folder)


def test_code_in_the_folder_is_refused_and_never_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = folder / "modeling_evil.py"
    code.write_text(f"open({str(marker)!r}, 'w')")
    edit(folder / "config.json", auto_map={"AutoModel": "modeling_evil.Evil"})

    with own_models(tmp_path / "home", {"evil": ("sentence", folder)}) as rows:
        for _ in range(2):
            with pytest.raises(ModelError, match="refused"):
                TextTower(rows["evil"]).prepare("a dog")
            code.unlink(missing_ok=True)
    with pytest.raises(ModelError, match="code"):
        sentence.load(folder)

    assert not marker.exists()


def test_the_networks_file_of_a_folder_holds_json(folder: Path) -> None:
    (folder / "modules.json").write_text("[1]")
    with pytest.raises(ModelError, match=r"modules\.json cannot be read"):
        settings(folder)
    (folder / "modules.json").write_text(json.dumps({"type": "x"}))
    with pytest.raises(ModelError, match=r"modules\.json cannot be read"):
        settings(folder)
