"""Words become the tokens that open_clip makes of them, without open_clip; rows stand alone."""

import json
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checkpoints import openclip as checkpoint
from engine import models
from engine.encode import text_tower
from engine.encode.text_tower import TextTower, attended, cleaned, mapped_rows
from engine.encode.towers import TextPart, read_towers
from engine.errors import ModelError
from engine.models import ModelRow, tokens

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

SNIPPETS = [
    "it's", "IT'S", "it'\u017f", "\u017f", "o'\u212a", "'re", "we'll", "don't've", "x'T",
    "&amp;", "&amp;amp;lt;", "&lt;b&gt;", "&eacute;", "&EACUTE;", "&#233;", "&nbsp;",
    "&notanentity;",
    "schÃ¶n", "â€™", "ﬁ", "\uff21", "\u0130", "ẞ", "e\u0301", "\u200b", "\ufeff", "\u00ad",
    "<start_of_text>", "<end_of_text>", "<START_OF_TEXT>", "<<start_of_text>>", "<start_of_text",
    "</w>", "<|endoftext|>", "\x00", "\x0c", "\x1b[31m", "\x1c", "\x7f", "\x85", "\u2028", "\r\n",
    "犬が砂浜を走る", "собака", "كلب", "कुत्ता", "개", "หมา", "ლამაზი", "🐕🏖️", "👩\u200d👩\u200d👧",
    "1234", "½", "Ⅷ", "\u180e",
    "\U0001d54f", "\u0558",
    "a_b", "foo.bar", "!?!", "---", "$5", "#tag", "C++", "  ", "\t", "\n", "aaaaaaaa", "ababab",
]  # fmt: skip

TEXTS = st.one_of(
    st.text(st.characters(codec="ascii"), max_size=60),
    st.text(max_size=40),
    st.lists(st.sampled_from(SNIPPETS), max_size=12).map("".join),
    st.lists(st.sampled_from(SNIPPETS), max_size=12).map(" ".join),
    st.text(max_size=5).map(lambda text: text * 90),
)


@pytest.fixture(scope="module", params=["CLIP", "SIGLIP"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[tuple[TextTower, Any]]:
    """A text tower, and the tokenizer that open_clip makes of the same folder."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "MANY", 1)  # the small one gets an index too
        sources, built = checkpoint.build(folder, getattr(checkpoint, request.param))
        patch.setattr(models, "ready", lambda _id: built)
        patch.setattr(models, "locked", lambda _id: SimpleNamespace(digest="0" * 64))
        tower = TextTower(ModelRow("tiny", "openclip"))
        yield tower, open_clip.get_tokenizer(f"local-dir:{sources}")


def filled(tower: TextTower, text: str) -> Any:
    """Our ids with padding behind them, as open_clip returns them."""
    ids = tower.prepare(text)
    row = np.full(tower._part.tokens, tower._part.pad, np.int64)
    row[: len(ids)] = ids
    return row


@given(text=TEXTS)
@example("a photo of a dog " * 200)
@example("x" * 20_000)
@example("".join(SNIPPETS))
def test_tokens_are_open_clips(pair: tuple[TextTower, Any], text: str) -> None:
    tower, theirs = pair

    np.testing.assert_array_equal(filled(tower, text), theirs(text)[0].numpy())


@pytest.mark.parametrize("text", SNIPPETS)
def test_tokens_of_awkward_words_are_open_clips(pair: tuple[TextTower, Any], text: str) -> None:
    tower, theirs = pair

    for sentence in (text, f"a {text} b", f"a{text}b", text * 3):
        np.testing.assert_array_equal(filled(tower, sentence), theirs(sentence)[0].numpy())


@given(text=TEXTS)
@example("<eos> of a <start_of_text>")
@example("x" * 20_000)
@example("".join(SNIPPETS[:20]))
def test_few_words_are_tokenized_as_all_words_are(pair: tuple[TextTower, Any], text: str) -> None:
    tower, _ = pair
    words = cleaned(text, tower._part.clean)
    assert tower._few is not None

    few = tower._few.ids(words)

    assert few is None or few == tower._tokenizer.encode(words).ids


def test_most_texts_need_no_whole_tokenizer(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair
    assert tower._few is not None

    for text in ("a dog", "犬が砂浜を走る 🐕", "two dogs on a beach, at night " * 10, ""):
        assert tower._few.ids(text) is not None


@pytest.mark.usefixtures("pair")
def test_the_whole_tokenizer_is_read_only_when_there_is_much_to_do() -> None:
    fresh = TextTower(ModelRow("tiny", "openclip"))
    first = [fresh.prepare("a dog") for _ in range(text_tower.FEW)]
    assert "_tokenizer" not in vars(fresh)

    np.testing.assert_array_equal(fresh.prepare("a dog"), first[0])
    assert "_tokenizer" in vars(fresh)


def test_several_threads_may_tokenize_at_once(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair
    assert tower._few is not None
    texts = ["a dog", "two cats", "rain on a window", "the sea", "犬", "piano"] * 5
    wanted = [tower._tokenizer.encode(text).ids for text in texts]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(tower._few.ids, texts)) == wanted


@pytest.mark.parametrize("how", ["whitespace", "lower", "canonicalize"])
@given(text=TEXTS)
def test_texts_are_cleaned_as_open_clip_cleans_them(how: str, text: str) -> None:
    from open_clip.tokenizer import get_clean_fn

    assert cleaned(text, how) == get_clean_fn(how)(text)


def test_every_ascii_character_is_cleaned_alike_without_ftfy() -> None:
    from open_clip.tokenizer import get_clean_fn

    for code in range(128):
        text = f"a{chr(code)} b{chr(code)}{chr(code)}C"
        assert cleaned(text, "whitespace") == get_clean_fn("whitespace")(text), code


def test_half_a_surrogate_pair_is_no_error(pair: tuple[TextTower, Any]) -> None:
    rows = encoded(pair[0], ["dog \ud83d", "\udc15"])

    assert np.isfinite(rows).all()


def test_the_end_token_stays_last_when_a_text_is_cut(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair
    short, long = tower.prepare("dog"), tower.prepare("dog " * 500)
    part = tower._part

    end = short[short != part.pad][-1]
    assert (len(long), long[-1]) == (part.tokens, end)


def encoded(tower: TextTower, texts: list[str]) -> Any:
    return tower.encode([tower.prepare(one) for one in texts])


def test_rows_do_not_depend_on_their_neighbours(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair
    texts = ["a", "a dog", "two dogs", "a very long walk " * 30, "", "犬", "a dog"]
    alone = np.concatenate([encoded(tower, [one]) for one in texts])

    for _ in range(3):  # the weights are packed on the way
        assert (encoded(tower, texts * 3) * np.tile(alone, (3, 1))).sum(axis=1).min() >= 1 - 1e-5
    assert (alone[1] * alone[6]).sum() >= 1 - 1e-6
    assert (alone[1] * alone[2]).sum() < 1 - 1e-5


def test_only_towers_that_need_it_are_filled_up(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair
    lengths = {len(tower.prepare(text)) for text in ("a", "a dog", "a dog on a beach")}

    assert lengths == ({tower._part.tokens} if tower._part.fixed else {3, 4, 7})


def test_passages_are_about_as_long_as_the_context(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair

    assert tower.rule.max_characters == 4 * (tower._part.tokens - 2)


def test_no_rows_of_nothing(pair: tuple[TextTower, Any]) -> None:
    tower, _ = pair

    assert tower.encode([]).shape == (0, tower.space.dim)


@pytest.mark.usefixtures("pair")
def test_a_registry_that_contradicts_the_files_is_told() -> None:
    wrong = TextTower(ModelRow("tiny", "openclip", dim=77))

    with pytest.raises(ModelError, match="dim = 77"):
        wrong.prepare("a dog")


def test_a_prefix_goes_before_every_text(
    pair: tuple[TextTower, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tower, _ = pair
    plain = tower.prepare("query: dog" if tower._part.clean == "lower" else "query dog")
    prefix = "query: " if tower._part.clean == "lower" else "query "
    monkeypatch.setattr(
        TextTower, "_part", SimpleNamespace(**{**_fields(tower._part), "prefix": prefix})
    )

    np.testing.assert_array_equal(tower.prepare("dog"), plain)


def _fields(part: TextPart) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}


def test_attention_ends_with_the_last_token() -> None:
    ids = np.array([[5, 0, 7, 0, 0], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0]], np.int64)

    wanted = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(attended(ids, 0), wanted)


def test_rows_are_read_from_where_they_lie(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    rows = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float16)
    save_file({"other": np.ones(3, np.float32), "rows": rows}, tmp_path / "rows.safetensors")

    found = mapped_rows(tmp_path / "rows.safetensors")

    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, rows)


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"rows": np.ones((3, 3), np.float32)}, tmp_path / "rows.safetensors")
    with pytest.raises(ModelError, match="no token embedding"):
        mapped_rows(tmp_path / "rows.safetensors")

    header = json.dumps({"rows": {"dtype": "F16", "shape": [9, 9], "data_offsets": [0, 162]}})
    short = struct.pack("<Q", len(header)) + header.encode() + b"\0" * 20
    (tmp_path / "rows.safetensors").write_bytes(short)
    with pytest.raises(ModelError, match="no token embedding"):
        mapped_rows(tmp_path / "rows.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"dim": 0},
        {"dim": "512"},
        {"text": {"file": "text.onnx"}},
        {"text": {"file": "../text.onnx"}},
        {"video": {}},
        {"image": []},
    ],
    ids=str,
)
def test_manifests_that_cannot_be_are_refused_by_name(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    (tmp_path / "towers.json").write_text(json.dumps({"version": 1, "dim": 512, **change}))

    with pytest.raises(ModelError, match=r"towers\.json does not describe a model"):
        read_towers(tmp_path)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"towers\.json"):
        read_towers(tmp_path)


def test_batches_are_of_one_length() -> None:
    prepared = [np.zeros(n, np.int64) for n in (3, 5, 3, 3, 5)]

    assert sorted(text_tower._of_one_length(prepared)) == [[0, 2, 3], [1, 4]]
