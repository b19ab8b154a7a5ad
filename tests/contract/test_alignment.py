"""The laws of an alignment, over the bridges of every profile."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from checkpoints.every import every_model, shared_folder
from engine import bridges
from engine.align.aligner import aligner
from engine.align.cca import shrunk_mean
from engine.align.pairs import Pairs
from engine.arrays import unit_rows
from engine.bridges import kept
from engine.bridges.taught import NATIVE, Before, End
from engine.encode.hashed import IMAGE, TEXT, hashed_image, hashed_text
from engine.models import registry
from engine.ports import Alignment
from engine.types import Modality
from making import some_rows

if TYPE_CHECKING:
    from engine.bridges.texts import TextBridge

WITHOUT_WEIGHTS = "hashed"
"""Bridges of this profile need no files; those of `starter` are marked `weights`."""

ON_TEXTS = "random-clip<->random-clap"
"""A bridge that is fitted on anchor texts: its two sides are two alignments."""

TAUGHT = "taught"
"""A bridge that was fitted on pairs, and has half of its score from the way that was there."""


def taught(folder: Path) -> tuple[Alignment, Alignment]:
    over = bridges.bridges("hashed-image-text")[0]
    rows = some_rows(80, IMAGE.dim)
    fitted = aligner("cca", rank=16).fit(Pairs.of(rows, over.apply(rows)[:, ::-1].copy()))
    ends = End(IMAGE, Modality.IMAGE), End(TEXT, Modality.TEXT)
    zeros = np.zeros(TEXT.dim, np.float32)
    before = Before(over.fingerprint, zeros), Before(NATIVE, zeros)
    one = kept.keep(folder, "one", ends, fitted, 0.5, before)
    return one.sides((hashed_image(), hashed_text()), [over])


def bridge_params() -> list[object]:
    """Every bridge of the shipped profiles that no hub is needed for, and one on texts."""
    known = registry()
    found: list[object] = []
    for profile in ("starter", WITHOUT_WEIGHTS):
        marks = [] if profile == WITHOUT_WEIGHTS else [pytest.mark.weights]
        found += [
            pytest.param((name, 0), id=name, marks=marks) for name in known.profile(profile).bridges
        ]
    on_pairs = [pytest.param((TAUGHT, side), id=f"{TAUGHT}-{side}") for side in (0, 1)]
    on_texts = [pytest.param((ON_TEXTS, side), id=f"{ON_TEXTS}-{side}") for side in (0, 1)]
    return found + on_pairs + on_texts


@pytest.fixture(params=bridge_params(), scope="module")
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Alignment]:
    name, side = request.param
    if name == TAUGHT:
        yield taught(tmp_path_factory.mktemp("bridges"))[side]
        return
    if name != ON_TEXTS:
        yield bridges.bridges(name)[side]
        return
    with every_model(shared_folder(tmp_path_factory)):
        yield bridges.bridges(name)[side]


def test_rows_come_out_finite_and_not_all_nought(bridge: Alignment) -> None:
    mapped = bridge.apply(some_rows(20, bridge.source.dim))

    assert (mapped.shape, mapped.dtype) == ((20, bridge.target.dim), np.float32)
    assert np.isfinite(mapped).all()
    assert np.linalg.norm(mapped, axis=1).min() > 0


def test_few_rows_arrive_near_the_prior_mean_and_none_on_it(bridge: Alignment) -> None:
    given = some_rows(50, bridge.source.dim).mean(axis=0)

    assert np.array_equal(bridge.arrival(0, None), bridge.prior_mean)
    assert np.allclose(bridge.arrival(0, given), bridge.prior_mean, atol=1e-6)
    assert bridge.arrival(10_000, given).shape == (bridge.target.dim,)


def test_a_row_maps_alike_alone_and_in_a_batch(bridge: Alignment) -> None:
    given = some_rows(16, bridge.source.dim, seed=1)
    alone = np.concatenate([bridge.apply(given[i : i + 1]) for i in range(16)])

    assert np.allclose(bridge.apply(given), alone, atol=1e-5)


def test_shuffled_rows_come_out_shuffled(bridge: Alignment) -> None:
    given = some_rows(16, bridge.source.dim, seed=2)
    order = np.random.default_rng(3).permutation(16)

    assert np.allclose(bridge.apply(given[order]), bridge.apply(given)[order], atol=1e-5)


def test_different_rows_stay_different(bridge: Alignment) -> None:
    mapped = bridge.apply(some_rows(16, bridge.source.dim, seed=4))

    assert len(np.unique(mapped.round(4), axis=0)) == 16


def test_no_rows_give_no_rows(bridge: Alignment) -> None:
    mapped = bridge.apply(np.empty((0, bridge.source.dim), dtype=np.float32))

    assert (mapped.shape, mapped.dtype) == ((0, bridge.target.dim), np.float32)


def test_the_given_rows_are_left_as_they_are(bridge: Alignment) -> None:
    given = some_rows(4, bridge.source.dim)
    before = given.copy()
    bridge.apply(given)

    assert np.array_equal(given, before)


def test_the_prior_mean_is_a_point_of_the_target_inside_the_unit_ball(bridge: Alignment) -> None:
    prior = bridge.prior_mean

    assert prior.shape == (bridge.target.dim,)
    assert np.isfinite(prior).all()
    assert np.linalg.norm(prior) <= 1 + 1e-5
    assert bridge.prior_rows >= 0


def test_a_bridge_is_the_same_each_time_it_is_made(
    bridge: Alignment, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    name, side = request.node.callspec.params["bridge"]
    again = (taught(tmp_path) if name == TAUGHT else bridges.bridges(name))[side]
    given = some_rows(4, bridge.source.dim)

    assert (again.fingerprint, again.source, again.target) == (
        bridge.fingerprint,
        bridge.source,
        bridge.target,
    )
    assert np.array_equal(again.apply(given), bridge.apply(given))


def test_a_bridge_on_texts_compares_as_the_paper_does(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Centred on arrival and made unit, rows are those of CCA with the kind's own mean."""
    with every_model(shared_folder(tmp_path_factory)):
        first, second = bridges.bridges(ON_TEXTS)
        numbers = cast("TextBridge", first).meeting.fitted()
        for side, mean, carry in (
            (first, numbers.mean_x, numbers.carry_x),
            (second, numbers.mean_y, numbers.carry_y),
        ):
            rows = some_rows(40, side.source.dim, seed=5)
            own = rows.mean(axis=0)
            ours = unit_rows(side.apply(rows) - side.arrival(len(rows), own))
            theirs = carry(rows, shrunk_mean(len(rows), own, mean, side.prior_rows))
            assert np.allclose(ours[:, : theirs.shape[1]], theirs, atol=1e-4)
