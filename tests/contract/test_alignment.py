"""The laws of an alignment, over the bridges of every profile."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import engine.profile
from engine import bridges
from engine.ports import Alignment
from making import some_rows

WITHOUT_WEIGHTS = "hashed"
"""Bridges whose profile is named so need no files; all others are marked `weights`."""

_REGISTRY = Path(engine.profile.__file__).with_name("profiles.toml")


def bridge_names() -> list[object]:
    """Every bridge of the registry, once."""
    profiles = tomllib.loads(_REGISTRY.read_text())
    found: dict[str, object] = {}
    for profile, row in profiles.items():
        marks = [] if profile == WITHOUT_WEIGHTS else [pytest.mark.weights]
        found |= {name: pytest.param(name, marks=marks) for name in row["bridges"]}
    return list(found.values())


@pytest.fixture(params=bridge_names(), scope="module")
def bridge(request: pytest.FixtureRequest) -> Alignment:
    return bridges.bridge(request.param)


def test_rows_come_out_with_unit_length(bridge: Alignment) -> None:
    mapped = bridge.apply(some_rows(20, bridge.source.dim))

    assert (mapped.shape, mapped.dtype) == ((20, bridge.target.dim), np.float32)
    assert np.abs(np.linalg.norm(mapped, axis=1) - 1).max() < 1e-5


def test_a_row_maps_alike_alone_and_in_a_batch(bridge: Alignment) -> None:
    given = some_rows(16, bridge.source.dim, seed=1)
    alone = np.concatenate([bridge.apply(given[i : i + 1]) for i in range(16)])

    assert np.abs((bridge.apply(given) * alone).sum(axis=1) - 1).max() < 1e-5


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
    bridge: Alignment, request: pytest.FixtureRequest
) -> None:
    again = bridges.bridge(request.node.callspec.params["bridge"])
    given = some_rows(4, bridge.source.dim)

    assert (again.fingerprint, again.source, again.target) == (
        bridge.fingerprint,
        bridge.source,
        bridge.target,
    )
    assert np.array_equal(again.apply(given), bridge.apply(given))
