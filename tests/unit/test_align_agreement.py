"""The methods against scikit-learn, scipy and formulas as textbooks write them, to 1e-6."""

import numpy as np
import pytest
from scipy.linalg import eigh, orthogonal_procrustes
from sklearn.cross_decomposition import CCA as Peer  # noqa: N811  (ours has that name too)
from sklearn.decomposition import PCA
from sklearn.linear_model import ElasticNet
from sklearn.linear_model import Ridge as PeerRidge
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel

from engine.align import cca
from engine.align.aligner import aligner
from engine.align.bilinear import Bilinear
from engine.align.fourier import Gauss, Laplace
from engine.align.gcca import fit_many
from engine.align.joint import _factorised, _stacked
from engine.align.lasso import Lasso
from engine.align.maps import Linear
from engine.align.moments import inverse_root, leading, moments, summed, whitening
from engine.align.nystroem import Side
from engine.align.pairs import Pairs, Wide
from engine.align.whitened import Whitened
from planted import turned

SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])


def sides(seed: int, count: int = 300) -> tuple[Pairs, Wide, Wide]:
    """Pairs, and both sides centred."""
    pairs = Pairs.of(*turned(seed, count, noise=0.5))
    return pairs, *pairs.centred()


def matrix(side: object) -> Wide:
    assert isinstance(side, Linear)
    return side.matrix.astype(np.float64)


def close(found: Wide, wanted: Wide) -> bool:
    """To 1e-6 of the largest; maps keep float32, whose rounding is a tenth of that."""
    return bool(np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max())


@SEEDS
def test_ridge_is_that_of_scikit_learn(seed: int) -> None:
    pairs, x, y = sides(seed)
    alpha = 0.1 * np.trace(x.T @ x) / x.shape[1]

    found = matrix(aligner("ridge", penalty=0.1).fit(pairs).left)

    assert close(found, PeerRidge(alpha=alpha, fit_intercept=False).fit(x, y).coef_.T)


@SEEDS
def test_procrustes_is_that_of_scipy(seed: int) -> None:
    x, y = turned(seed, 300, (9, 9), noise=0.5)
    pairs = Pairs.of(x, y)

    found = matrix(aligner("procrustes").fit(pairs).left)

    assert close(found, orthogonal_procrustes(*pairs.centred())[0])


def textbook(x: Wide, y: Wide, ridge: float) -> tuple[Wide, Wide, Wide]:
    """Correlations and directions of the generalised eigenproblem of both sides' covariances."""
    n, d = x.shape
    xx, yy, xy = x.T @ x / n, y.T @ y / n, x.T @ y / n
    xx = xx + ridge * np.trace(xx) / d * np.eye(d)
    yy = yy + ridge * np.trace(yy) / y.shape[1] * np.eye(y.shape[1])
    across = np.block([[np.zeros_like(xx), xy], [xy.T, np.zeros_like(yy)]])
    alone = np.block(
        [[xx, np.zeros_like(xy)], [np.zeros_like(xy.T), yy]],
    )
    sizes, axes = eigh(across, alone)
    kept = np.argsort(-sizes)[: min(d, y.shape[1])]
    # Each eigenvector holds both directions, of length 1/2 each in their covariances.
    return sizes[kept], axes[:d, kept] * np.sqrt(2), axes[d:, kept] * np.sqrt(2)


@SEEDS
@pytest.mark.parametrize("ridge", [0.0, 0.1, 1.0])
def test_canonical_correlations_are_those_of_the_textbook(seed: int, ridge: float) -> None:
    pairs, x, y = sides(seed)

    found = cca.solve(moments(pairs), ridge, rank=9, power=1.0)

    sizes, first, second = textbook(x, y, ridge)
    assert np.abs(found.correlations - sizes).max() < 1e-9
    assert close(found.x @ found.y.T, (first * sizes) @ second.T)


@SEEDS
def test_canonical_variates_are_those_of_scikit_learn(seed: int) -> None:
    """Its own have no ridge, its components are of unit variance only up to a sign."""
    pairs, x, y = sides(seed)
    peer = Peer(n_components=4, scale=False, max_iter=10_000, tol=1e-14).fit(x, y)

    found = cca.solve(moments(pairs), ridge=0.0, rank=4, power=0.0)

    for ours, theirs in ((x @ found.x, peer.transform(x)), (y @ found.y, peer.transform(x, y)[1])):
        for one, other in zip(ours.T, theirs.T, strict=True):
            assert abs(np.corrcoef(one, other)[0, 1]) == pytest.approx(1, abs=1e-6)


@SEEDS
def test_maxvar_is_that_of_the_textbook(seed: int) -> None:
    """Kettenring: the g of unit variance that the projections onto all views keep most of."""
    views = turned(seed, 200, (7, 8, 9), noise=0.5)
    centred = [one.astype(np.float64) - one.mean(axis=0, dtype=np.float64) for one in views]
    projections = sum(one @ np.linalg.pinv(one) for one in centred)
    sizes, shared = np.linalg.eigh(np.asarray(projections))
    sizes, shared = sizes[::-1][:3], shared[:, ::-1][:, :3]

    maps = fit_many(views, ridge=0.0, rank=3, power=0.0)

    summed_up = sum(rows @ matrix(one) for rows, one in zip(centred, maps, strict=True))
    for one, other in zip(np.asarray(summed_up).T, shared.T, strict=True):
        assert abs(np.corrcoef(one, other)[0, 1]) == pytest.approx(1, abs=1e-6)


@SEEDS
def test_whitened_least_squares_is_that_of_scikit_learn(seed: int) -> None:
    pairs, x, y = sides(seed)
    first, second = (PCA(5, whiten=True).fit(side) for side in (x, y))
    across = PeerRidge(alpha=0.0, fit_intercept=False).fit(first.transform(x), second.transform(y))

    bridge = Whitened(rank=5).fit(pairs)

    found = x @ matrix(bridge.left) @ (y @ matrix(bridge.right)).T
    assert close(found, across.predict(first.transform(x)) @ second.transform(y).T * 300 / 299)


@SEEDS
def test_the_joint_factorisation_is_the_probabilistic_one_of_scikit_learn(seed: int) -> None:
    pairs, x, y = sides(seed)
    rows = np.concatenate([side / np.sqrt((side**2).sum()) for side in (x, y)], axis=1)
    peer = PCA(4).fit(rows)

    loadings, noise = _factorised(_stacked(moments(pairs)), 4)

    # Its covariance is over n - 1, ours is of all rows together.
    assert close(loadings @ loadings.T + noise * np.eye(21), peer.get_covariance() * 299)


@SEEDS
@pytest.mark.parametrize("l1", [1.0, 0.5])
def test_lasso_is_that_of_scikit_learn_on_all_pairs(seed: int, l1: float) -> None:
    pairs, x, y = sides(seed)
    axes = cca.solve(moments(pairs), ridge=0.1, rank=256, power=0.0)
    peer = ElasticNet(alpha=0.1, l1_ratio=l1, fit_intercept=False, tol=1e-12, max_iter=100_000)

    found = matrix(Lasso(penalty=0.1, l1=l1).fit(pairs).left)

    sparse = peer.fit(x @ axes.x, y @ axes.y).coef_.T
    assert close(found, axes.x @ sparse)
    assert 0 < np.count_nonzero(np.abs(sparse) > 1e-9) < sparse.size


@SEEDS
def test_kernel_correlations_are_those_of_the_textbook(seed: int) -> None:
    """Bach and Jordan: K_x K_y against K_x (K_x + r I), centred, as one eigenproblem."""
    pairs = Pairs.of(*turned(seed, 60))
    x, y = pairs.apart()
    grams = []
    for rows in (x, y):
        middle = np.eye(60) - 1 / 60
        gamma = 1 / (2 * (rows**2).sum(axis=1).mean())
        grams.append(middle @ rbf_kernel(rows, gamma=gamma) @ middle)
    # The ridge is a share of the mean variance of as many features as there are pairs.
    alone = [one @ one + 0.1 * np.trace(one) / 60 * one + 1e-12 * np.eye(60) for one in grams]
    nothing = np.zeros((60, 60))
    across = np.block([[nothing, grams[0] @ grams[1]], [grams[1] @ grams[0], nothing]])
    sizes = eigh(across, np.block([[alone[0], nothing], [nothing, alone[1]]]), eigvals_only=True)

    found = aligner("kcca", ridge=0.1, rank=20).fit(pairs).report["correlations"]

    assert np.abs(np.array(found) - np.sort(sizes)[::-1][:20]).max() < 1e-6


@SEEDS
def test_kernel_scores_are_those_of_the_textbook(seed: int) -> None:
    """Kernel ridge regression is what is left of kernel correlations when the right side is linear
    and round: both are checked by the dual solution (K + r I)^-1 K on new rows."""
    pairs = Pairs.of(*turned(seed, 60))
    x, _ = pairs.apart()
    side = Side.of(x, pairs.shown(x, x).some(60).left.astype(np.float32), width=1.0)
    new = turned(seed + 10, 5)[0].astype(np.float64)
    gamma = 1 / (2 * (x**2).sum(axis=1).mean())

    features, asked = side.features(x), side.features(new)

    assert np.abs(features @ features.T - rbf_kernel(x, gamma=gamma)).max() < 1e-6
    assert np.abs(asked @ features.T - rbf_kernel(new, x, gamma=gamma)).max() < 1e-6
    primal = np.linalg.solve(features.T @ features + 0.1 * np.eye(60), features.T @ x)
    dual = np.linalg.solve(rbf_kernel(x, gamma=gamma) + 0.1 * np.eye(60), x)
    assert np.abs(asked @ primal - rbf_kernel(new, x, gamma=gamma) @ dual).max() < 1e-6


@pytest.mark.parametrize(("kind", "kernel"), [(Gauss, rbf_kernel), (Laplace, laplacian_kernel)])
def test_waves_come_near_their_kernel(kind: type, kernel: object) -> None:
    pairs, x, _ = sides(0, 40)
    settings = kind(features=40_000)
    drawn = np.random.default_rng(0)
    frequencies, phases = settings._waves(x, drawn)
    distance = 2 * (x**2).sum(axis=1).mean()
    if kind is Laplace:
        distance = 2 / np.sqrt(np.pi) * np.sqrt((x**2).mean(axis=0)).sum()

    waves = np.sqrt(2 / 40_000) * np.cos(x @ frequencies + phases)

    assert callable(kernel)
    assert np.abs(waves @ waves.T - kernel(x, gamma=1 / distance)).max() < 0.04
    assert len(pairs) == 40


@SEEDS
def test_the_bilinear_score_is_at_the_minimum_of_what_it_says(seed: int) -> None:
    """No small step from it scores lower, all pairs of rows being written out."""
    pairs, x, y = sides(seed, 60)
    n = len(x)
    bridge = Bilinear(penalty=0.05, rank=9).fit(pairs)
    first, second = matrix(bridge.left), matrix(bridge.right)
    penalty = 0.05 * np.linalg.norm(x.T @ y / n, 2)

    def lost(u: Wide, v: Wide) -> float:
        scores = x @ u @ (y @ v).T
        return float(
            ((scores - n * np.eye(n)) ** 2).sum() / n**2 + penalty * ((u**2).sum() + (v**2).sum())
        )

    random, least = np.random.default_rng(0), lost(first, second)
    for _ in range(50):
        steps = [1e-2 * random.normal(size=one.shape) for one in (first, second)]
        assert lost(first + steps[0], second + steps[1]) >= least - 1e-6 * abs(least)


@SEEDS
def test_moments_in_blocks_are_those_of_all_rows(seed: int) -> None:
    pairs = Pairs.of(*turned(seed, 5_000))
    some = Pairs.of(*turned(seed + 10, 200)).pooled(pairs, 4.0)
    x, y = some.centred()

    found = summed(some)

    assert close(found.xx, x.T @ x)
    assert close(found.xy, x.T @ y)
    assert close(found.yy, y.T @ y)
    assert found.total == pytest.approx(5_000 + 4 * 200)


def test_both_ways_to_whiten_make_round_and_both_ways_to_lead_agree() -> None:
    _, x, y = sides(0)
    covariance = x.T @ x
    root = inverse_root(covariance)
    white = whitening(covariance, ridge=1e-12)

    assert np.allclose(root @ covariance @ root, np.eye(12), atol=1e-8)
    assert np.allclose(white.T @ covariance @ white, np.eye(12), atol=1e-8)
    wide = np.random.default_rng(0).normal(size=(40, 50))
    (few, sizes, right), all_of_them = leading(wide, 3), np.linalg.svd(wide)
    assert np.allclose(sizes, all_of_them[1][:3])
    assert np.allclose(
        (few * sizes) @ right.T, (all_of_them[0][:, :3] * sizes) @ all_of_them[2][:3]
    )
    assert y.shape == (300, 9)
