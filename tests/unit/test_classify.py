"""Classes are told by frozen vectors: each kind alone, missing modalities, and what is kept."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from engine import classify
from engine.classify.classifier import FACTS, NUMBERS
from engine.classify.figures import figures, measures
from engine.classify.fitting import balanced
from engine.classify.heads import Late, Net
from engine.classify.linear import fit_linear, sharpness
from engine.classify.task import measurable, task, weigh
from engine.classify.zero import drawn
from engine.errors import ModelError, UsageError
from engine.fuse import Views
from engine.fuse.network import deviations, log_softmax
from engine.fuse.views import rows_of, without
from engine.types import Vectors

SPEAKERS = 12
Corpus = tuple[dict[str, Vectors], list[str], list[int]]


def corpus(
    gains: tuple[float, ...] = (1.2, 1.2),
    rows: int = 240,
    missing: float = 0.1,
    seed: int = 0,
) -> Corpus:
    """Three classes, which modality m tells by so much; speakers add an offset of their own."""
    random = np.random.default_rng(seed)
    classes, speakers = random.integers(0, 3, rows), random.integers(0, SPEAKERS, rows)
    views: dict[str, Vectors] = {}
    for name, gain in zip(("audio", "text", "image"), gains, strict=False):
        centres = np.linalg.qr(random.normal(size=(8, 3)))[0].T * gain * 1.5
        offsets = 0.3 * random.normal(size=(SPEAKERS, 8))
        found = centres[classes] + random.normal(size=(rows, 8)) + offsets[speakers]
        found[random.random(rows) < missing] = np.nan
        views[name] = found.astype(np.float32)
    return views, [f"class {one}" for one in classes], speakers.tolist()


@pytest.fixture(scope="module", params=classify.KINDS)
def fitted(request: pytest.FixtureRequest) -> classify.Classifier:
    return classify.fit(*corpus(), request.param)


def test_probabilities_sum_to_1_and_name_the_label(fitted: classify.Classifier) -> None:
    views, _, _ = corpus(seed=1)
    told = fitted.predict(views)

    assert np.allclose(told.probabilities.sum(axis=1), 1)
    assert [told.classes[one] for one in told.probabilities.argmax(axis=1)] == list(told.labels)
    assert told.probabilities.shape == (240, 3)
    assert told.modalities == ("audio", "text")


def test_weights_sum_to_1_over_what_is_there(fitted: classify.Classifier) -> None:
    views, _, _ = corpus(seed=1)
    told = fitted.predict(views)
    there = np.stack([~np.isnan(views[name][:, 0]) for name in told.modalities], axis=1)
    seen = there if fitted.kind != "single" else there & [n in fitted.head.names for n in views]

    assert (told.weights[~there] == 0).all()
    assert np.allclose(told.weights.sum(axis=1), seen.any(axis=1))


def test_a_row_of_which_nothing_is_there_may_be_any_class(fitted: classify.Classifier) -> None:
    told = fitted.predict({"audio": np.full((2, 8), np.nan, np.float32)})

    assert np.allclose(told.probabilities, 1 / 3)
    assert (told.weights == 0).all()


def test_a_row_is_told_alike_alone_and_in_a_batch(fitted: classify.Classifier) -> None:
    views, _, _ = corpus(seed=1)
    batch = fitted.predict(views)
    for at in range(12):
        alone = fitted.predict(rows_of(views, np.array([at])))
        assert np.allclose(alone.probabilities[0], batch.probabilities[at], atol=1e-6)
        assert np.allclose(alone.weights[0], batch.weights[at], atol=1e-6)


def test_what_was_saved_predicts_the_same(fitted: classify.Classifier, tmp_path: Path) -> None:
    views, _, _ = corpus(seed=1)
    fitted.save(tmp_path / "kept")
    again = classify.Classifier.load(tmp_path / "kept")
    before, after = fitted.predict(views), again.predict(views)

    assert np.allclose(before.probabilities, after.probabilities, atol=1e-6)
    assert np.allclose(before.weights, after.weights, atol=1e-6)
    assert before.labels == after.labels
    assert (again.kind, again.labels, again.notes) == (fitted.kind, fitted.labels, fitted.notes)
    assert {one.name for one in (tmp_path / "kept").iterdir()} == {NUMBERS, FACTS}


def test_it_tells_classes_of_rows_that_it_has_not_seen(fitted: classify.Classifier) -> None:
    """The same voices and words, drawn anew."""
    random = np.random.default_rng(5)
    views, labels, _ = corpus()
    moved = {
        n: (x + 0.7 * random.normal(size=x.shape)).astype(np.float32) for n, x in views.items()
    }
    told = fitted.predict(moved)

    assert np.mean([a == b for a, b in zip(told.labels, labels, strict=True)]) > 0.6


@pytest.mark.parametrize("kind", classify.KINDS)
def test_a_fit_repeats_itself_in_any_order_of_the_modalities(kind: str) -> None:
    views, labels, groups = corpus(rows=120)
    first = classify.fit(views, labels, groups, kind).predict(views)
    turned = dict(reversed(views.items()))
    second = classify.fit(turned, labels, groups, kind).predict(turned)

    assert np.array_equal(first.probabilities, second.probabilities)
    assert np.array_equal(first.weights, second.weights)


def test_a_missing_modality_is_as_one_not_given(fitted: classify.Classifier) -> None:
    views, _, _ = corpus(seed=1)
    left_out = fitted.predict({"audio": views["audio"]})
    emptied = fitted.predict(without(views, "text"))

    assert np.array_equal(left_out.probabilities, emptied.probabilities)


def test_the_only_modality_that_tells_anything_gets_all_the_weight() -> None:
    found = classify.fit(*corpus((1.5, 0.0)), "late")

    assert isinstance(found.head, Late)
    assert found.head.weights.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("kind", ["gated", "attention"])
def test_networks_lean_on_the_modality_that_tells_something(kind: str) -> None:
    views, labels, groups = corpus((2.0, 0.0), missing=0.0)
    weights = classify.fit(views, labels, groups, kind).predict(views).weights

    assert weights[:, 0].mean() > 0.65


@pytest.mark.parametrize("kind", ["late", "concat"])
def test_two_that_tell_beat_either_with_an_interval(kind: str) -> None:
    views, labels, groups = corpus(rows=400, missing=0.0)
    both = classify.evaluate(views, labels, groups, kind, shuffles=0)
    for name, rows in views.items():
        one = classify.evaluate({name: rows}, labels, groups, "single", shuffles=0)
        assert both.gain_over(one).low > 0
        assert both.without[name]["UAR"].value < both.figures["UAR"].value


def test_auto_takes_the_simplest_as_good_and_says_what_it_compared() -> None:
    planted = classify.fit(*corpus((1.5, 0.0), rows=150))
    fused = classify.fit(*corpus((1.0, 1.0), rows=150))

    assert planted.kind == "single"
    assert fused.kind != "single"
    assert list(fused.figures) == list(classify.KINDS)


def test_late_fusion_needs_no_row_to_be_complete() -> None:
    views, labels, groups = corpus(missing=0.0)
    half = np.arange(240) % 2 == 0
    views["audio"][half] = np.nan
    views["text"][~half] = np.nan

    with pytest.raises(UsageError, match="side by side"):
        classify.fit(views, labels, groups, "concat")
    told = classify.fit(views, labels, groups, "late").predict(views)

    assert np.mean([a == b for a, b in zip(told.labels, labels, strict=True)]) > 0.6
    assert told.weights[half].tolist() == [[0.0, 1.0]] * 120


def test_the_linear_model_is_scikit_learns() -> None:
    views, labels, groups = corpus(missing=0.0)
    given = task(views, labels, groups)
    ours = fit_linear(views["audio"], given.classes, given.weights, 0.5, 3)
    scaled = deviations(views["audio"])(views["audio"])
    theirs = LogisticRegression(C=0.5, class_weight="balanced", max_iter=1000, tol=1e-6)
    theirs.fit(scaled, labels)

    likely = log_softmax(ours(views["audio"]))
    assert np.allclose(likely, theirs.predict_log_proba(scaled), atol=5e-3)


def test_two_classes_are_told_as_scikit_learn_does() -> None:
    random = np.random.default_rng(0)
    classes = np.arange(60) % 2
    rows = (random.normal(size=(60, 4)) + classes[:, None]).astype(np.float32)
    ours = fit_linear(rows, classes, np.ones(60), 1.0, 2)
    scaled = deviations(rows)(rows)
    theirs = LogisticRegression(C=1.0).fit(scaled, classes)

    assert np.allclose(log_softmax(ours(rows)), theirs.predict_log_proba(scaled), atol=2e-3)


def test_a_class_that_a_modality_never_saw_is_neither_likely_nor_ruled_out() -> None:
    views, _, _ = corpus(missing=0.0)
    linear = fit_linear(views["audio"], np.arange(240) % 2 * 2, np.ones(240), 1.0, 3)
    logits = linear(views["audio"])

    assert np.allclose(logits[:, 1], 0)
    assert np.allclose(logits.sum(axis=1), 0, atol=1e-4)


def test_the_temperature_undoes_a_factor_on_logits() -> None:
    random = np.random.default_rng(0)
    logits = 2 * random.normal(size=(4000, 3))
    chances = np.exp(log_softmax(logits))
    classes = (chances.cumsum(axis=1) > random.random((4000, 1))).argmax(axis=1)

    assert sharpness(4 * logits, classes, np.ones(4000)) == pytest.approx(0.25, rel=0.1)


def test_probabilities_are_calibrated_on_rows_not_seen() -> None:
    views, labels, groups = corpus(rows=1200, missing=0.0)
    known, fresh = np.arange(600), np.arange(600, 1200)
    found = classify.fit(rows_of(views, known), labels[:600], groups[:600], "late")
    told = found.predict(rows_of(views, fresh))
    right = np.mean([a == b for a, b in zip(told.labels, labels[600:], strict=True)])

    assert told.probabilities.max(axis=1).mean() == pytest.approx(right, abs=0.05)


@pytest.mark.parametrize(("balance", "expected"), [("full", 3.0), ("root", 3**0.5), ("none", 1.0)])
def test_rows_of_rare_classes_weigh_more(balance: str, expected: float) -> None:
    weights = weigh(np.array([0, 0, 0, 1]), balance)

    assert weights[3] / weights[0] == pytest.approx(expected)
    assert weights.mean() == pytest.approx(1.0)


def test_uar_macro_f1_and_accuracy_by_hand() -> None:
    confusion = np.array([[8.0, 2.0], [5.0, 5.0]])

    uar, f1, accuracy = measures(confusion).tolist()

    assert (uar, accuracy) == pytest.approx(((0.8 + 0.5) / 2, 13 / 20))
    assert f1 == pytest.approx((16 / (10 + 13) + 10 / (10 + 7)) / 2)


def test_each_row_adds_its_part_to_the_uar() -> None:
    classes, found = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])

    assert balanced(classes, found).mean() == pytest.approx((2 / 3 + 1) / 2)


def test_intervals_are_wider_over_groups_than_over_rows() -> None:
    random = np.random.default_rng(0)
    right = random.random(12) * 20
    each = np.stack([np.diag([n, n]) + np.diag([20 - n, 20 - n])[::-1] for n in right.round()])
    apart = np.concatenate([np.repeat((one / 20)[None], 20, axis=0) for one in each])

    grouped = figures(each)["UAR"]
    mixed = figures(random.permuted(apart, axis=0))["UAR"]

    assert grouped.low < grouped.value < grouped.high
    assert grouped.value == pytest.approx(mixed.value)
    assert grouped.high - grouped.low > mixed.high - mixed.low


def test_shuffled_labels_leave_chance() -> None:
    report = classify.evaluate(*corpus(rows=180), "late", shuffles=4)

    assert report.chance["UAR"] == pytest.approx(1 / 3)
    assert report.majority["UAR"] == pytest.approx(1 / 3)
    assert report.shuffled is not None
    assert report.shuffled["UAR"] == pytest.approx(1 / 3, abs=0.09)
    assert report.figures["UAR"].low > report.shuffled["UAR"]
    assert report.confusion.sum() == report.rows == 180


def test_what_a_speaker_adds_is_no_help_for_other_speakers() -> None:
    """The label is the speaker's own: known speakers give it away, new ones tell nothing."""
    random = np.random.default_rng(0)
    speakers = np.repeat(np.arange(20), 10)
    labels = [f"class {one % 2}" for one in speakers]
    offsets = 3 * random.normal(size=(20, 16))
    views = {"voice": (offsets[speakers] + random.normal(size=(200, 16))).astype(np.float32)}

    by_row = classify.evaluate(views, labels, None, "single", shuffles=0)
    by_speaker = classify.evaluate(views, labels, speakers.tolist(), "single", shuffles=0)

    assert by_row.figures["UAR"].value > 0.8
    assert by_speaker.figures["UAR"].value < 0.7


def test_a_class_with_one_example_is_learnt_and_not_measured() -> None:
    views, labels, groups = corpus()
    labels[0] = "rare"
    report = classify.evaluate(views, labels, groups, "late", shuffles=0)
    found = classify.fit(views, labels, groups, "late")

    assert found.notes == ("'rare' has one example: it is learnt, but cannot be measured.",)
    assert "rare" in found.labels
    assert report.rows == 239


def test_a_class_within_one_group_is_not_measured() -> None:
    assert (
        measurable(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2])).tolist()
        == [True] * 2 + [False] * 2
    )


def test_what_carries_nothing_is_left_out_with_a_note() -> None:
    views, labels, groups = corpus()
    found = classify.fit(
        views | {"still": np.ones((240, 4), np.float32), "gone": np.full((240, 4), np.nan)},
        labels,
        groups,
        "late",
    )

    assert found.notes == (
        "'gone' is left out: it is missing from every row.",
        "'still' is left out: all its rows are equal.",
    )
    assert set(found.widths) == {"audio", "text"}


def broken(**change: Vectors) -> Views:
    return corpus()[0] | change


TORN = np.ones((240, 8), np.float32)
TORN[3, 5] = np.nan


@pytest.mark.parametrize(
    ("views", "labels", "says"),
    [
        ({}, [], "no vectors"),
        ({"a": np.zeros((0, 4), np.float32)}, [], "no labelled rows"),
        (corpus()[0], ["x"] * 240, "All 240 rows have the label 'x'"),
        (corpus()[0], ["x"], "240 rows need as many labels"),
        (broken(audio=TORN), corpus()[1], "Row 3 of 'audio' is NaN in parts"),
        (broken(audio=np.ones((7, 8), np.float32)), corpus()[1], "rows, others have"),
        (broken(audio=np.full((240, 8), np.inf, np.float32)), corpus()[1], "infinite"),
        ({"a": np.ones((240, 2), np.float32)}, corpus()[1], "all its rows are equal"),
        (corpus()[0], [str(one) for one in range(240)], "Fewer than two classes"),
    ],
)
def test_what_cannot_be_learnt_is_told_in_a_sentence(
    views: Views, labels: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        classify.fit(views, labels)


def test_wrong_words_and_rows_are_told_in_a_sentence() -> None:
    views, labels, groups = corpus(rows=120)
    found = classify.fit(views, labels, groups, "late")
    with pytest.raises(UsageError, match="'early' is no kind"):
        classify.fit(views, labels, groups, "early")
    with pytest.raises(UsageError, match="'half' is no balance"):
        classify.fit(views, labels, groups, balance="half")
    with pytest.raises(UsageError, match="'smell' is not a modality"):
        found.predict({"smell": views["audio"]})
    with pytest.raises(UsageError, match="2 columns, learnt were 8"):
        found.predict({"audio": views["audio"][:, :2]})


def test_what_one_class_alone_has_is_left_out_with_a_note() -> None:
    views, labels, groups = corpus(rows=120)
    one_sided = views["audio"].copy()
    one_sided[[label != "class 0" for label in labels]] = np.nan
    found = classify.fit({"audio": one_sided, "text": views["text"]}, labels, groups, "late")
    assert found.notes == ("'audio' is left out: rows of one class alone have it.",)
    assert set(found.widths) == {"text"}
    with pytest.raises(UsageError, match="Nothing can be learnt: 'audio' is left out"):
        classify.fit({"audio": one_sided}, labels, groups)


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no readable classifier"):
        classify.Classifier.load(tmp_path)
    classify.zero_shot({"a": np.float32([1, 0]), "b": np.float32([0, 1])}).save(tmp_path)
    data = bytearray((tmp_path / NUMBERS).read_bytes())
    data[-1] ^= 1
    (tmp_path / NUMBERS).write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        classify.Classifier.load(tmp_path)


def test_predicting_needs_numpy_alone(fitted: classify.Classifier, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; import numpy as np; from engine import classify\n"
        f"found = classify.Classifier.load(Path({str(tmp_path)!r}))\n"
        "found.predict({'audio': np.ones((2, 8), np.float32)})\n"
        "print({'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_torch_computes_what_numpy_does() -> None:
    import torch

    for kind in ("gated", "attention"):
        head = classify.fit(*corpus(rows=120), kind).head
        assert isinstance(head, Net)
        random = np.random.default_rng(0)
        blocks = [random.normal(size=(20, 8)).astype(np.float32) for _ in range(2)]
        there = np.tile(np.float32([[1, 1], [1, 0]]), (10, 1))
        ours = head.network.formula(np, head.network.arrays, blocks, there)
        numbers = {name: torch.tensor(one) for name, one in head.network.arrays.items()}
        theirs = head.network.formula(
            torch, numbers, [torch.tensor(one) for one in blocks], torch.tensor(there)
        )
        for a, b in zip(ours, theirs, strict=True):
            assert np.allclose(a, b.numpy(), atol=1e-5)


# --- zero and few examples -----------------------------------------------------------------------

LABELS = {f"class {at}": row for at, row in enumerate(np.eye(3, 16, dtype=np.float32))}


def shots(count: int, noise: float, seed: int = 0, turn: float = 0.0) -> tuple[Vectors, list[str]]:
    """Rows near their label's vector, moved by a fixed `turn` that labels know nothing of."""
    random = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    rows = np.eye(3, 16)[classes] + turn * np.roll(np.eye(3, 16), 5, axis=1)[(classes + 1) % 3]
    noisy = rows + noise * random.normal(size=(count, 16))
    return noisy.astype(np.float32), [f"class {one}" for one in classes]


def share(found: classify.Classifier, rows: Vectors, labels: list[str]) -> float:
    told = found.predict({"rows": rows}).labels
    return float(np.mean([a == b for a, b in zip(told, labels, strict=True)]))


def test_label_names_alone_are_a_start() -> None:
    rows, labels = shots(90, 0.3)
    found = classify.zero_shot(LABELS)

    assert share(found, rows, labels) > 0.8
    assert "not calibrated" in found.notes[0]
    assert found.predict({"rows": 5 * rows}).labels == found.predict({"rows": rows}).labels


def test_examples_help_where_labels_do_not_know() -> None:
    few, many = shots(60, 0.5, turn=1.0), shots(600, 0.5, seed=1, turn=1.0)
    found = classify.few_shot(*few, LABELS)

    assert found.kind == "few-shot"
    assert "Learnt from 60 examples" in found.notes[0]
    assert share(found, *many) > share(classify.zero_shot(LABELS), *many) + 0.03


def test_one_example_each_does_not_replace_label_names() -> None:
    found = classify.few_shot(*shots(3, 0.3), LABELS)

    assert found.kind == "zero-shot"
    assert "Too few examples" in found.notes[0]


def test_examples_of_noise_change_nothing() -> None:
    rows, labels = shots(30, 0.2)
    rng = np.random.default_rng(0)
    found = classify.few_shot(rng.normal(size=rows.shape).astype(np.float32), labels, LABELS)
    told = classify.zero_shot(LABELS)

    assert share(found, rows, labels) >= share(told, rows, labels) - 0.1


def test_a_strong_penalty_leaves_the_prior_and_a_weak_one_scikit_learns_fit() -> None:
    rows, _ = shots(90, 0.5)
    classes = np.arange(90) % 3
    wide, prior = rows.astype(np.float64), np.eye(3, 16).T
    held = drawn(wide, classes, np.ones(90), prior, 1e6)
    free = drawn(wide, classes, np.ones(90), 0 * prior, 1e-2)
    theirs = LogisticRegression(C=1 / (90 * 1e-2), fit_intercept=False, tol=1e-6, max_iter=1000)

    assert np.allclose(held, prior, atol=1e-4)
    assert np.allclose(free, theirs.fit(wide, classes).coef_.T, atol=2e-2)


def test_label_vectors_that_make_no_sense_are_refused() -> None:
    rows, labels = shots(30, 0.2)
    with pytest.raises(UsageError, match="nothing to tell apart"):
        classify.zero_shot({"a": np.ones(3, np.float32)})
    with pytest.raises(UsageError, match="is 0 or not finite"):
        classify.zero_shot({"a": np.ones(3, np.float32), "b": np.zeros(3, np.float32)})
    with pytest.raises(UsageError, match="one and the same length"):
        classify.zero_shot({"a": np.ones(3, np.float32), "b": np.ones(2, np.float32)})
    with pytest.raises(UsageError, match="'strange' has no vector"):
        classify.few_shot(rows, ["strange", *labels[1:]], LABELS)
    with pytest.raises(UsageError, match="16 columns"):
        classify.few_shot(rows[:, :4], labels, LABELS)
