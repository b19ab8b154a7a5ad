"""Taught bridges are kept whole, used where they lead, and leave no trace when they are dropped."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine import teach
from engine.align.bridge import Bridge, BridgeDamagedError
from engine.align.pairs import Pairs
from engine.align.ridge import Ridge
from engine.bridges import kept
from engine.bridges.taught import Before, BridgeMismatchError, End, Taught
from engine.encode.hashed import IMAGE, TEXT
from engine.errors import UsageError
from engine.library import Library
from engine.result import SearchResult
from engine.types import Modality, Space
from indexer import index
from making import encoder_of, flipped, names_in, picture, some_rows

WORDS = ["apple", "boat", "cloud", "drum", "engine", "flute", "garden", "harbour"]


@pytest.fixture
def shown(library: Library, tmp_path: Path) -> tuple[Library, list[Path]]:
    """Eight pictures whose names say nothing, in a library that knows no words for them."""
    folder = tmp_path / "shown"
    folder.mkdir()
    paths = [picture(folder / f"{at:03}.png", seed=40 + at) for at in range(len(WORDS))]
    index(library, [folder], workers=1)
    return library, paths


def fitted(library: Library, paths: list[Path], words: list[str] = WORDS) -> Bridge:
    images, texts = (encoder_of(library.profile, m) for m in (Modality.IMAGE, Modality.TEXT))
    sides = teach.rows_of(library, paths, images), teach.rows_of(library, words, texts)
    return Ridge(0.01).fit(Pairs.of(*(one.rows for one in sides)))


def ends(library: Library) -> tuple[End, End]:
    first, second = (encoder_of(library.untaught, one) for one in (Modality.IMAGE, Modality.TEXT))
    return End(first.space, first.modality), End(second.space, second.modality)


def keep(library: Library, paths: list[Path], name: str = "things") -> Taught:
    bridge = fitted(library, paths)
    return kept.keep(library.path / kept.FOLDER, name, ends(library), bridge, 1.0, None)


def found(result: SearchResult) -> list[tuple[str, float]]:
    return [(hit.path.name, hit.score) for hit in (*result.hits, *result.nearest)]


def first(library: Library, words: str) -> str:
    return found(library.search(words, modalities={"image"}, least=0.0))[0][0]


def test_a_taught_bridge_finds_what_it_was_taught(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    before = [first(library, words) for words in WORDS]
    keep(library, paths)

    teach.use(library, "things")

    assert [first(library, words) for words in WORDS] == [path.name for path in paths]
    assert before != [path.name for path in paths]


def test_it_is_used_both_ways_and_says_so(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    keep(library, paths)
    teach.use(library, "things")

    (space,) = {
        route.gallery.space.name
        for asked, wanted in ((Modality.TEXT, Modality.IMAGE), (Modality.IMAGE, Modality.TEXT))
        for route in library.profile.routes(asked, wanted)
    }
    hit = library.search("drum", modalities={"image"}, least=0.0).hits[0]

    assert space == "taught-things"
    assert hit.because[0].source.space == "taught-things"


def test_what_it_does_not_join_is_left_alone(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    alike = found(library.similar(paths[0]))
    keep(library, paths)
    teach.use(library, "things")

    assert found(library.similar(paths[0])) == alike
    assert library.profile.routes(Modality.AUDIO, Modality.TEXT)[0].gallery.space == TEXT


def test_dropped_all_is_bit_for_bit_what_it_was(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    before = [found(library.search(words, least=0.0)) for words in WORDS]
    files = names_in(library.path / "snapshots")
    keep(library, paths)
    teach.use(library, "things")
    assert [found(library.search(words, least=0.0)) for words in WORDS] != before

    teach.drop(library, "things")

    assert [found(library.search(words, least=0.0)) for words in WORDS] == before
    assert names_in(library.path / "snapshots") == files
    assert names_in(library.path / kept.FOLDER) == []
    assert library.verify().findings == ()


def test_new_files_are_found_over_it_too(shown: tuple[Library, list[Path]], tmp_path: Path) -> None:
    library, paths = shown
    (tmp_path / "later").mkdir()
    keep(library, paths)
    teach.use(library, "things")
    later = picture(tmp_path / "later" / "new.png", seed=40, size=(96, 64))

    index(library, [later.parent], workers=1)

    best = found(library.search("apple", modalities={"image"}, least=0.0))[:2]
    assert {name for name, _ in best} == {"000.png", "new.png"}
    assert library.verify().findings == ()
    library.rebuild()
    assert first(library, "drum") == "003.png"


def test_another_process_follows(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    with Library.open(library.path) as other:
        first(other, "drum")
        keep(library, paths)
        teach.use(library, "things")
        assert [first(other, words) for words in WORDS] == [path.name for path in paths]

        teach.drop(library, "things")
        assert found(other.search("drum", least=0.0)) == found(library.search("drum", least=0.0))
        assert other.remarks == []


def test_of_two_between_the_same_ends_the_last_is_used(
    shown: tuple[Library, list[Path]],
) -> None:
    library, paths = shown
    keep(library, paths, "one")
    keep(library, paths[::-1], "two")

    assert teach.use(library, "one") == ()
    assert teach.use(library, "two") == ("one",)
    assert first(library, WORDS[0]) == paths[-1].name
    assert [one.in_use for one in teach.bridges_of(library)] == [False, True]


def test_what_another_process_put_to_use_meanwhile_stays(
    shown: tuple[Library, list[Path]],
) -> None:
    library, paths = shown
    keep(library, paths, "one")
    sound = encoder_of(library.untaught, Modality.AUDIO)
    other = End(sound.space, sound.modality), ends(library)[1]
    kept.keep(library.path / kept.FOLDER, "two", other, fitted(library, paths), 1.0, None)
    with Library.open(library.path) as elsewhere:
        teach.use(elsewhere, "two")

    teach.use(library, "one")

    assert sorted(library.taught_in_use) == ["one", "two"]


def test_a_broken_bridge_is_in_nobodys_way(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    keep(library, paths, "broken")
    keep(library, paths, "sound")
    teach.use(library, "broken")
    (library.path / kept.FOLDER / "broken.json").write_text("{}")

    assert teach.use(library, "sound") == ()
    assert first(library, WORDS[0]) == paths[0].name


def test_what_is_not_there_cannot_be_put_aside(library: Library) -> None:
    with pytest.raises(UsageError, match="no bridge 'nothing'"):
        teach.stop_using(library, "nothing")


def test_part_of_the_score_may_be_the_way_before(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    bridge, both = fitted(library, paths), ends(library)
    (over,) = (one for one in library.profile.bridges if one.source == IMAGE)
    zeros = np.zeros(TEXT.dim, np.float32)
    before = (Before(over.fingerprint, zeros), Before("", zeros))
    taught = kept.keep(library.path / kept.FOLDER, "half", both, bridge, 0.25, before)

    sides = taught.sides(library.profile.encoders, library.profile.bridges)
    pictures, words = some_rows(3, IMAGE.dim), some_rows(4, TEXT.dim, seed=1)
    rows = [side.apply(given) for side, given in zip(sides, (pictures, words), strict=True)]

    expected = 0.75 * over.apply(pictures) @ words.T + 0.25 * bridge.score(pictures, words)
    np.testing.assert_allclose(rows[0] @ rows[1].T, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows[0], axis=1), 1, atol=1e-6)
    assert rows[0].shape[1] == taught.space.dim


# --- kept ----------------------------------------------------------------------------------


def test_a_kept_bridge_reads_back_the_same(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    written = keep(library, paths)

    again = kept.read(library.path / kept.FOLDER, "things")

    assert (again.digest, again.ends, again.share) == (written.digest, written.ends, 1.0)
    pictures, words = some_rows(3, IMAGE.dim), some_rows(4, TEXT.dim, seed=1)
    np.testing.assert_array_equal(
        again.bridge.score(pictures, words), written.bridge.score(pictures, words)
    )


@pytest.mark.parametrize("suffix", [kept.NUMBERS, kept.TOLD])
def test_a_damaged_bridge_is_told_and_the_library_goes_on(
    shown: tuple[Library, list[Path]], suffix: str
) -> None:
    library, paths = shown
    plain = found(library.search("drum", least=0.0))
    keep(library, paths)
    teach.use(library, "things")
    (file,) = (library.path / kept.FOLDER).glob(f"*{suffix}")
    if suffix == kept.NUMBERS:
        flipped(file)
    else:
        file.write_text(file.read_text().replace('"share": 1.0', '"share": 0.9'))

    with pytest.raises(BridgeDamagedError, match="digest"):
        kept.read(library.path / kept.FOLDER, "things")
    with Library.open(library.path) as again:
        assert found(again.search("drum", least=0.0)) == plain
        assert "bridge 'things' is not used" in again.remarks[0]
        teach.drop(again, "things")
    with Library.open(library.path) as clean:
        assert clean.remarks == []


def test_numbers_without_their_json_change_nothing(shown: tuple[Library, list[Path]]) -> None:
    """As after a crash between the two writes."""
    library, paths = shown
    old = keep(library, paths)
    folder = library.path / kept.FOLDER
    told = (folder / "things.json").read_bytes()
    bridge = fitted(library, paths[::-1])
    kept.keep(folder, "things", ends(library), bridge, 1.0, None)
    (folder / "things.json").write_bytes(told)

    with pytest.raises(BridgeDamagedError):  # the last writer swept the old numbers away
        kept.read(folder, "things")
    keep(library, paths)
    assert kept.read(folder, "things").digest == old.digest
    assert len(names_in(folder)) == 2


def test_fitted_anew_it_must_be_put_to_use_again(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    keep(library, paths)
    teach.use(library, "things")
    keep(library, paths[::-1])

    with Library.open(library.path) as again:
        first(again, "drum")
        assert "seehear align use things" in again.remarks[0]
    teach.use(library, "things")
    assert first(library, WORDS[0]) == paths[-1].name


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden", "x" * 80])
def test_a_name_that_is_no_file_name_is_refused(library: Library, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        kept.read(library.path / kept.FOLDER, name)


def test_a_bridge_between_other_encoders_is_refused(shown: tuple[Library, list[Path]]) -> None:
    library, paths = shown
    bridge = fitted(library, paths)
    other = End(Space(IMAGE.name, IMAGE.dim, "another network"), Modality.IMAGE)
    strange = (other, ends(library)[1])
    kept.keep(library.path / kept.FOLDER, "strange", strange, bridge, 1.0, None)

    with pytest.raises(BridgeMismatchError, match="another netw"):
        teach.use(library, "strange")
    assert library.taught_in_use == {}


def test_a_bridge_goes_from_library_to_library(
    shown: tuple[Library, list[Path]], tmp_path: Path
) -> None:
    library, paths = shown
    keep(library, paths)

    told, numbers = teach.hand_out(library, "things", tmp_path / "out")
    with Library.open(tmp_path / "second", create=True, profile="hashed") as second:
        index(second, [paths[0].parent], workers=1)
        teach.take_in(second, told)
        teach.use(second, "things")
        assert [first(second, words) for words in WORDS] == [path.name for path in paths]
        with pytest.raises(UsageError, match="already"):
            teach.take_in(second, told)
        numbers.unlink()
        with pytest.raises(BridgeDamagedError):
            teach.take_in(second, told, "again")
    assert json.loads(told.read_text())["name"] == "things"


def test_an_imported_bridge_reads_no_file_outside_its_folder(
    shown: tuple[Library, list[Path]], tmp_path: Path
) -> None:
    library, paths = shown
    keep(library, paths)
    told, numbers = teach.hand_out(library, "things", tmp_path / "out")
    outside = numbers.rename(tmp_path / "outside.safetensors")
    whole = json.loads(told.read_text())
    told.write_text(json.dumps({**whole, "numbers": f"../{outside.name}"}))

    with pytest.raises(BridgeDamagedError):
        kept.read_file(told)
