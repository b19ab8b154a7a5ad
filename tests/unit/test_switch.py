"""Moving a library to another profile: beside the old one, then switched, and resumable."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import SpaceMismatchError
from engine.library import Library
from engine.store.records import State
from engine.types import Modality
from indexer import index, move
from indexer.report import Progress
from making import caption, picture, tone

TWO = """
[model.ma]
adapter = "hashed"
window_ms = {window}

[model.mb]
adapter = "hashed"
window_ms = 700

[model.mc]
adapter = "hashed"
window_ms = 800

[profile.two]
summary = "two models at once"
models = ["ma", "mb"]

[profile.three]
summary = "one of them, and another"
models = ["ma", "mc"]
"""

OTHER = """
[model.other]
adapter = "hashed"
window_ms = {window}

[profile.other]
summary = "the same features in spaces of their own"
models = ["other"]

[profile.pictures-only]
summary = "the same features, of which a library of sounds has no use"
models = ["other"]
"""


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of the user's own with a profile that needs no weights."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config" / "seehear" / "profiles.toml"
    file.parent.mkdir(parents=True)
    file.write_text(OTHER.format(window=1_000))
    return file


@pytest.fixture
def reopened(indexed: Library) -> Iterator[Library]:
    """The indexed library, opened as a move needs it."""
    with Library.open(indexed.path, any_encoders=True) as opened:
        yield opened


def found(library: Library, words: str = "quick brown fox") -> list[str]:
    return [hit.path.name for hit in library.search(words, modalities={"text"}).hits]


def test_a_moved_library_answers_with_the_new_profile(reopened: Library) -> None:
    before = found(reopened)
    report = move(reopened, "other", workers=1)

    with Library.open(reopened.path) as after:
        assert (report.switched, report.encoded) == (True, 7)
        assert after.profile.name == "other"
        assert found(after) == before
        assert after.verify().findings == ()
        assert after.remarks == []


def test_only_the_new_vectors_are_left(reopened: Library) -> None:
    sounds = reopened.status().segments[Modality.AUDIO]
    move(reopened, "other", workers=1)

    with Library.open(reopened.path) as after:
        counts = after.status().segments
        # Half the window: a second of sound is one window of two seconds, or one of one.
        assert counts == {Modality.IMAGE: 3, Modality.AUDIO: sounds, Modality.TEXT: 2}
        assert after.verify().vectors == sum(counts.values())


def test_moving_to_the_profile_that_is_used_does_nothing(reopened: Library) -> None:
    assert move(reopened, "hashed", workers=1).encoded == 0


class _StoppedError(Exception):
    pass


def _stop(_progress: Progress) -> None:
    raise _StoppedError


def test_an_interrupted_move_leaves_the_old_profile_and_goes_on(
    reopened: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    before = found(reopened)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)

    with Library.open(reopened.path, any_encoders=True) as between:
        assert between.profile.name == "hashed"
        assert found(between) == before
        assert "interrupted" in between.remarks[0]
        report = move(between, "other", workers=1)

    with Library.open(reopened.path) as after:
        assert (report.switched, report.encoded) == (True, 5)
        assert after.verify().findings == ()
        assert after.status().segments[Modality.IMAGE] == 3


def test_what_was_indexed_in_between_is_moved_too(
    reopened: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)
    picture(media / "late.png", seed=9)
    with Library.open(reopened.path) as between:
        index(between, workers=1)

    with Library.open(reopened.path, any_encoders=True) as between:
        move(between, "other", workers=1)

    with Library.open(reopened.path) as after:
        assert after.similar(media / "late.png").hits
        assert after.status().segments[Modality.IMAGE] == 4
        assert after.verify().findings == ()


def test_a_move_to_elsewhere_drops_what_another_had_begun(
    reopened: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)

    with Library.open(reopened.path, any_encoders=True) as between:
        move(between, "pictures-only", workers=1)

    with Library.open(reopened.path) as after:
        assert after.status().segments[Modality.IMAGE] == 3
        assert after.verify().findings == ()


def test_files_that_are_away_hold_the_switch_up(reopened: Library, media: Path) -> None:
    away = media.rename(media.with_name("away"))
    report = move(reopened, "other", workers=1)

    assert not report.switched
    assert len(report.missing) == 7
    with Library.open(reopened.path, any_encoders=True) as between:
        assert between.profile.name == "hashed"
        away.rename(media)
        assert move(between, "other", workers=1).switched
    with Library.open(reopened.path) as after:
        assert found(after)[0] == "notes.txt"


def test_files_that_are_away_may_be_left_until_they_come_back(
    reopened: Library, media: Path
) -> None:
    away = (media / "red.png").rename(media / "away")
    report = move(reopened, "other", workers=1, leave_missing=True)
    assert report.switched
    assert [skip.path.name for skip in report.skipped] == ["red.png"]

    away.rename(media / "red.png")
    with Library.open(reopened.path) as after:
        assert index(after, workers=1).added + index(after, workers=1).kept >= 1
        assert all(row.state is State.INDEXED for row in after._catalogue.files(media))


def test_a_file_that_broke_since_is_named_and_the_rest_is_moved(
    reopened: Library, media: Path
) -> None:
    red = media / "red.png"
    stat = red.stat()
    red.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(stat.st_size - 8))
    os.utime(red, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    report = move(reopened, "other", workers=1)

    assert report.switched
    assert [skip.path.name for skip in report.skipped] == ["red.png"]


def test_changed_encoders_are_refused_and_the_library_can_be_encoded_anew(
    reopened: Library, own_models: Path
) -> None:
    move(reopened, "other", workers=1)
    own_models.write_text(OTHER.format(window=500))

    with pytest.raises(SpaceMismatchError, match="seehear profile use other"):
        Library.open(reopened.path)
    with Library.open(reopened.path, any_encoders=True) as stale:
        assert move(stale, "other", workers=1).encoded == 7
    with Library.open(reopened.path) as after:
        assert found(after)[0] == "notes.txt"
        assert after.verify().findings == ()
        assert after.status().segments[Modality.IMAGE] == 3


def test_encoding_anew_goes_on_after_an_interruption(
    reopened: Library, own_models: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(reopened, "other", workers=1)
    own_models.write_text(OTHER.format(window=500))
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with (
        Library.open(reopened.path, any_encoders=True) as stale,
        pytest.raises(_StoppedError),
    ):
        move(stale, "other", watch=_stop, workers=1)
    caption(media / "late.txt", "written in between")
    tone(media / "late.wav", hertz=500)
    with Library.open(reopened.path, any_encoders=True) as stale:
        index(stale, workers=1)
        report = move(stale, "other", workers=1)

    assert report.encoded == 7, "five that were left, and two that were written in between"
    with Library.open(reopened.path) as after:
        assert after.verify().findings == ()
        assert after.status().segments[Modality.TEXT] == 3


# --- several models, of which one changes --------------------------------------------------


def counts(library: Library) -> dict[Modality, int]:
    return library.status().segments


@pytest.fixture
def two(reopened: Library, own_models: Path) -> Iterator[Library]:
    """A library of two models, the first of which has changed since."""
    own_models.write_text(TWO.format(window=1_000))
    move(reopened, "two", workers=1)
    own_models.write_text(TWO.format(window=600))
    with Library.open(reopened.path, any_encoders=True) as opened:
        yield opened


def fresh(tmp_path: Path, media: Path, profile: str) -> dict[Modality, int]:
    """What a library has that was made with the profile from the start."""
    with Library.open(tmp_path / f"fresh-{profile}", create=True, profile=profile) as library:
        index(library, [media], workers=1)
        return counts(library)


def test_what_did_not_change_is_not_doubled(two: Library, tmp_path: Path, media: Path) -> None:
    move(two, "two", workers=1)

    with Library.open(two.path) as after:
        assert counts(after) == fresh(tmp_path, media, "two")
        assert after.verify().findings == ()


def test_another_move_after_an_interrupted_one_encodes_all_that_is_lacking(
    two: Library, tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with pytest.raises(_StoppedError):
        move(two, "two", watch=_stop, workers=1)
    with Library.open(two.path, any_encoders=True) as between:
        move(between, "three", workers=1)

    with Library.open(two.path) as after:
        assert counts(after) == fresh(tmp_path, media, "three")
        assert after.similar(media / "red.png").hits
        assert after.verify().findings == ()


def test_going_back_after_an_interrupted_move_encodes_nothing(
    reopened: Library, tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)
    with Library.open(reopened.path, any_encoders=True) as between:
        assert move(between, "hashed", workers=1).encoded == 0

    with Library.open(reopened.path) as after:
        assert counts(after) == fresh(tmp_path, media, "hashed")
        assert after.remarks == []


def test_one_model_may_change_there_and_back(two: Library, own_models: Path) -> None:
    for window in (600, 1_000, 600):
        own_models.write_text(TWO.format(window=window))
        with Library.open(two.path, any_encoders=True) as opened:
            assert move(opened, "two", workers=1).switched
    with Library.open(two.path) as after:
        assert after.verify().findings == ()


def test_a_library_whose_profile_is_gone_can_be_looked_at_and_moved(
    reopened: Library, own_models: Path
) -> None:
    move(reopened, "other", workers=1)
    own_models.write_text("")

    with Library.open(reopened.path, any_encoders=True) as orphan:
        assert sum(orphan.status().files.values()) == 7
        assert move(orphan, "hashed", workers=1).encoded == 7
    with Library.open(reopened.path) as after:
        assert found(after)[0] == "notes.txt"


def test_a_library_that_is_open_follows(reopened: Library, media: Path) -> None:
    with Library.open(reopened.path) as resident:
        before = found(resident)
        move(reopened, "other", workers=1)

        assert found(resident) == before
        picture(media / "late.png", seed=9)
        index(resident, workers=1)
    with Library.open(reopened.path) as after:
        assert after.similar(media / "late.png").hits


def test_a_touched_file_is_moved_like_any_other(reopened: Library, media: Path) -> None:
    os.utime(media / "red.png")

    assert move(reopened, "other", workers=1).encoded == 7


def test_a_copy_that_can_be_read_stands_for_one_that_cannot(reopened: Library, media: Path) -> None:
    (media / "again.png").write_bytes((media / "red.png").read_bytes())
    index(reopened, workers=1)
    (media / "red.png").unlink()

    assert move(reopened, "other", workers=1).switched
