"""Engines agree with one another, batches fit into memory, and no GPU means no torch."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.encode import network as networks
from engine.encode.network import (
    FIRST,
    LARGEST,
    PATIENCE,
    TRIES,
    Batches,
    OnnxNetwork,
    OpenVinoNetwork,
    PatientNetwork,
    TorchNetwork,
    dense_network,
    device,
)
from engine.errors import UsageError

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]


class Fake:
    """Answers with the mean of each input; runs out of memory above a size."""

    names = ("image",)

    def __init__(self, fits: int = 10_000, error: Exception | None = None) -> None:
        self.fits, self.error = fits, error or MemoryError()
        self.sizes: list[int] = []

    def run(self, inputs: Any) -> Any:
        batch = inputs["image"]
        self.sizes.append(len(batch))
        if len(batch) > self.fits:
            raise self.error
        return batch.reshape(len(batch), -1)[:, :2].astype(np.float32)

    def describe(self) -> str:
        return "fake"


@pytest.fixture(scope="module")
def module() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 4, 4),
        torch.nn.GELU(),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * 16, 32),
    ).eval()


@pytest.fixture(scope="module")
def graph(module: Any, tmp_path_factory: Any) -> Path:
    from engine.models.export import export_dense

    file: Path = tmp_path_factory.mktemp("graph") / "image.onnx"
    export_dense(module, torch.from_numpy(pictures(4)), file, name="image")
    return file


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds that each next batch takes, by its size; the test writes them."""
    cost = [0.0]
    now = [0.0]

    def tick() -> float:
        now[0] += cost[0] / 2
        return now[0]

    monkeypatch.setattr(networks.time, "perf_counter", tick)
    return cost


def pictures(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(count, 3, 16, 16)).astype(np.float32)


def payloads(count: int) -> list[Any]:
    return list(np.arange(2 * count, dtype=np.float32).reshape(count, 2))


def unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def least(a: Any, b: Any) -> float:
    return float((unit(a).astype(np.float64) * unit(b)).sum(axis=1).min())


# --- engines ---


def test_engines_agree(graph: Path, module: Any) -> None:
    batch = {"image": pictures(5)}
    with torch.inference_mode():
        wanted = module(torch.from_numpy(batch["image"])).numpy()

    for network in (
        OnnxNetwork(graph),
        OnnxNetwork(graph, packed=False),
        PatientNetwork(graph),
        OpenVinoNetwork(graph, bf16=False),
        TorchNetwork(module, "image", device="cpu", bf16=False),
    ):
        assert network.names == ("image",)
        assert least(network.run(batch), wanted) >= 1 - 1e-6, network.describe()
        assert "float32" in network.describe()


def test_bfloat16_stays_near(graph: Path, module: Any) -> None:
    batch = {"image": pictures(16)}
    wanted = OnnxNetwork(graph).run(batch)
    quick = OpenVinoNetwork(graph, bf16=True)

    assert least(quick.run(batch), wanted) >= 0.9999
    assert least(TorchNetwork(module, "image", device="cpu", bf16=True).run(batch), wanted) >= 0.999


@pytest.mark.parametrize("bf16", [False, True])
def test_a_row_is_the_same_alone_and_in_a_batch_of_any_size(graph: Path, bf16: bool) -> None:  # noqa: FBT001
    batch = pictures(LARGEST)
    network = OpenVinoNetwork(graph, bf16=bf16)
    alone = np.concatenate([network.run({"image": one[None]}) for one in batch])

    for size in (2, 3, 4, 8, 16, 32, LARGEST):
        assert least(network.run({"image": batch[:size]}), alone[:size]) >= 1 - 1e-5


def test_engines_answer_several_threads(graph: Path) -> None:
    network = OpenVinoNetwork(graph, bf16=False)
    batches = [pictures(3, seed) for seed in range(8)]
    wanted = [network.run({"image": one}) for one in batches]
    found: dict[int, Any] = {}

    def ask(place: int) -> None:
        for _ in range(20):
            found[place] = network.run({"image": batches[place]})

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    for place, rows in enumerate(wanted):
        np.testing.assert_array_equal(found[place], rows)


def test_weights_are_packed_only_when_there_is_much_to_do(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    class Counted(OnnxNetwork):
        def __init__(self, file: Path, *, packed: bool = True) -> None:
            made.append(packed)
            super().__init__(file, packed=packed)

    monkeypatch.setattr(networks, "OnnxNetwork", Counted)
    network = PatientNetwork(graph)
    one = {"image": pictures(1)}
    for _ in range(PATIENCE - 1):
        first = network.run(one)
    assert made == [False]

    for _ in range(PATIENCE):
        assert least(network.run(one), first) >= 1 - 1e-6
    assert made == [False, True]


# --- which engine ---


def never() -> Any:
    pytest.fail("torch was asked for a module")


def test_the_cpu_gets_openvino_and_float32_on_demand(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEHEAR_DEVICE", "cpu")
    assert "OpenVINO" in dense_network(graph, "image", bf16=True, module=never).describe()

    monkeypatch.setenv("SEEHEAR_PRECISION", "f32")
    exact = dense_network(graph, "image", bf16=True, module=never)
    assert exact.describe() == "OpenVINO on CPU, float32"


def test_models_that_do_not_bear_bfloat16_do_not_get_it(graph: Path) -> None:
    assert "float32" in OpenVinoNetwork(graph, bf16=False).describe()


def test_without_openvino_there_is_onnx_runtime(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEHEAR_DEVICE", "cpu")
    monkeypatch.setitem(sys.modules, "openvino", None)

    network = dense_network(graph, "image", bf16=True, module=never)

    assert network.describe() == "ONNX Runtime on CPU, float32"


def test_a_gpu_gets_the_module(graph: Path, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class OnCpu(TorchNetwork):
        def __init__(self, module: Any, name: str, *, device: str, bf16: bool) -> None:
            assert device == "cuda"
            super().__init__(module, name, device="cpu", bf16=bf16)

    monkeypatch.setattr(networks, "device", lambda: "cuda")
    monkeypatch.setattr(networks, "TorchNetwork", OnCpu)

    network = dense_network(graph, "image", bf16=True, module=lambda: module)

    assert network.describe() == "torch on cpu, bfloat16"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEHEAR_DEVICE", "cuda")
    with pytest.raises(UsageError, match="torch finds no GPU"):
        device()

    monkeypatch.setenv("SEEHEAR_DEVICE", "auto")
    monkeypatch.setattr(networks, "has_gpu", lambda: True)
    assert device() == "cpu"


@pytest.mark.parametrize("name", ["SEEHEAR_DEVICE", "SEEHEAR_PRECISION"])
def test_unknown_settings_are_refused(
    graph: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "tpu")

    with pytest.raises(UsageError, match=f"{name} is one of auto"):
        dense_network(graph, "image", bf16=True, module=never)


@pytest.mark.skipif(networks.has_gpu(), reason="there is a GPU")
def test_without_a_gpu_torch_is_not_imported(graph: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from engine.encode.network import dense_network, text_network
dense_network(Path({str(graph)!r}), "image", bf16=True, module=None)
text_network(Path({str(graph)!r}))
assert "torch" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEEHEAR_DEVICE": "auto"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


# --- batches ---


@pytest.mark.parametrize("count", [1, 2, 3, 5, 31, 200])
def test_rows_come_in_order_and_shapes_are_few(count: int) -> None:
    fake = Fake()
    given = payloads(count)

    np.testing.assert_array_equal(Batches(fake).rows(given), np.stack(given))
    assert set(fake.sizes) <= {1, 2, 4, 8, 16, 32, 64}


def test_batches_grow_while_that_pays(clock: list[float]) -> None:
    fake = Fake()
    batches = Batches(fake)
    seen = []
    for _ in range(TRIES * 8):
        # Half the time goes with the batch, the other half does not: 16 is 6 % better than 8...
        clock[0] = 0.1 + 0.1 * batches.size / FIRST
        batches.rows(payloads(batches.size))
        seen.append(batches.size)

    assert seen[-1] == LARGEST
    assert seen == sorted(seen)


def test_batches_stop_growing_where_it_does_not_pay(clock: list[float]) -> None:
    batches = Batches(Fake())
    for _ in range(TRIES * 8):
        clock[0] = 0.1 * max(batches.size, 16)  # above 16, each payload costs the same
        batches.rows(payloads(batches.size))

    assert batches.size == 16
    assert batches.remarks == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[CPU] Failed to allocate 4096 bytes of memory"),
        RuntimeError("bad allocation"),
    ],
    ids=lambda error: type(error).__name__ + str(error)[:10],
)
def test_what_does_not_fit_is_halved_and_remembered(error: Exception) -> None:
    fake = Fake(fits=3, error=error)
    batches = Batches(fake)
    given = payloads(40)

    np.testing.assert_array_equal(batches.rows(given), np.stack(given))
    np.testing.assert_array_equal(batches.rows(given), np.stack(given))

    assert batches.size == 2
    assert sum(size > 3 for size in fake.sizes) == 1
    assert len(batches.remarks) == 1


def test_a_size_found_by_growing_is_given_up_too(clock: list[float]) -> None:
    fake = Fake(fits=20)
    batches = Batches(fake)
    for _ in range(TRIES * 8):
        clock[0] = 1.0
        np.testing.assert_array_equal(batches.rows(payloads(50)), np.stack(payloads(50)))

    assert batches.size == 16
    assert sum(size > 20 for size in fake.sizes) == 1


def test_where_not_even_one_fits_the_error_is_told() -> None:
    with pytest.raises(MemoryError):
        Batches(Fake(fits=0)).rows(payloads(9))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        Batches(Fake(fits=0, error=RuntimeError("shapes do not fit"))).rows(payloads(9))
