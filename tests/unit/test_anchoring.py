"""Anchors between encoders: texts that both read, the starter's named media, or none."""

from dataclasses import replace

import numpy as np
import pytest

from engine.bridges import anchoring, texts
from engine.bridges.starter import word_space
from engine.encode import encoders
from engine.encode.efficientnet import EfficientNet
from engine.encode.hashed import hashed_audio, hashed_image, hashed_text
from engine.encode.soundfx import SoundFx
from engine.models import registry
from engine.ports import Encoder

CAPTIONS = [
    f"a {colour} {thing}" for colour in ("red", "blue") for thing in ("cat", "boat", "bell")
]


def unseen(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(texts, "anchors", lambda: CAPTIONS)


def words() -> Encoder:
    (minilm,) = encoders(registry().model("minilm"))
    return minilm


@pytest.mark.usefixtures("few")
def test_texts_that_both_spaces_read_are_anchors() -> None:
    first = replace(hashed_text(), space=replace(hashed_text().space, name="one", fingerprint="1"))
    second = replace(first, space=replace(first.space, name="two", fingerprint="2"))
    picture = replace(hashed_image(), space=first.space)
    sound = replace(hashed_audio(), space=second.space)

    found = anchoring.anchors(picture, sound, [picture, sound, first, second], unseen)

    assert found is not None
    assert len(found) == len(CAPTIONS)
    expected = first.encode([first.prepare(one) for one in CAPTIONS])
    np.testing.assert_array_equal(found.left, expected)
    np.testing.assert_array_equal(found.right, expected)


@pytest.mark.usefixtures("few")
def test_in_one_space_each_text_is_its_own_partner() -> None:
    text = hashed_text()
    picture = replace(hashed_image(), space=text.space)

    found = anchoring.anchors(picture, text, [picture, text], unseen)

    assert found is not None
    np.testing.assert_array_equal(found.left, found.right)


def test_spaces_that_read_no_texts_have_none() -> None:
    known = [hashed_image(), hashed_audio(), hashed_text()]

    assert anchoring.anchors(hashed_image(), hashed_audio(), known, unseen) is None


@pytest.mark.weights
@pytest.mark.parametrize(("media", "count"), [(EfficientNet, 2_892), (SoundFx, 822)])
def test_the_starter_has_named_pictures_and_sounds(media: type, count: int) -> None:
    one, minilm = media(), words()

    forward = anchoring.anchors(one, minilm, [minilm], unseen)
    back = anchoring.anchors(minilm, one, [minilm], unseen)

    assert forward is not None
    assert back is not None
    assert (forward.left.shape, forward.right.shape) == (
        (count, one.space.dim),
        (count, word_space().dim),
    )
    np.testing.assert_array_equal(back.right, forward.left)
    np.testing.assert_allclose(np.linalg.norm(forward.left, axis=1), 1, atol=1e-5)
    # Names that stand twice have features that are nearer than others have.
    named = forward.right @ forward.right.T
    same = np.argwhere(np.triu(named > 0.999, 1))
    alike = (forward.left[same[:, 0]] * forward.left[same[:, 1]]).sum(axis=1).mean()
    assert alike > (forward.left @ forward.left.T).mean()


@pytest.mark.weights
def test_pictures_and_sounds_of_the_starter_have_none() -> None:
    assert anchoring.anchors(EfficientNet(), SoundFx(), [words()], unseen) is None
