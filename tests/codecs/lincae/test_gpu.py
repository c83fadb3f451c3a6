"""The parts for CUDA that can be tested without: recorded runs, batches, kernels in Triton's interpreter."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae.folder import ModelFolder
from lincae_studio.codecs.lincae.gpu import LARGEST_BATCH, Graphs, fitting_batch
from tests.codecs.lincae.models import NARROW, small_model


class Record:
    """As `Recorded`, on the CPU: runs the function on inputs of its own, into a result of its own."""

    made = 0

    def __init__(self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], pool: object) -> None:
        self._function, self._inputs = function, [tensor.clone() for tensor in inputs]
        self._result = function(*self._inputs)
        Record.made += 1

    def __call__(self, *inputs: Tensor) -> Tensor:
        for place, values in zip(self._inputs, inputs, strict=True):
            place.copy_(values)
        return self._result.copy_(self._function(*self._inputs))


class Refuses(Record):
    def __init__(self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], pool: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")


def doubled(x: Tensor, y: Tensor) -> Tensor:
    return 2.0 * x + y


@pytest.fixture(autouse=True)
def _without_gradients() -> object:
    with torch.no_grad():
        yield


def test_gradients_reach_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Record, "made", 0)
    graphs = Graphs(Record)
    for _ in range(3):
        graphs(doubled, torch.ones(2), torch.ones(2))
    assert Record.made == 1
    with torch.enable_grad():
        x = torch.ones(2, requires_grad=True)
        graphs(doubled, x, torch.ones(2)).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full((2,), 2.0))


def test_runs_are_recorded_once_for_shapes_that_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Record, "made", 0)
    graphs = Graphs(Record)
    found = [graphs(doubled, torch.full((size,), 1.0 * size), torch.ones(size)) for size in (2, 3, 2, 2, 3, 2)]
    for values, size in zip(found, (2, 3, 2, 2, 3, 2), strict=True):  # looked at last: none was overwritten
        assert torch.equal(values, torch.full((size,), 2.0 * size + 1.0))
    assert Record.made == 2
    for size in range(10, 20):  # many others, once each
        graphs(doubled, torch.ones(size), torch.ones(size))
    assert Record.made == 2
    assert torch.equal(graphs(doubled, torch.ones(2), torch.ones(2)), torch.full((2,), 3.0)), "forgotten, so run again"
    assert Record.made == 2


def test_what_cannot_be_recorded_is_run_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    graphs = Graphs(Refuses)
    with caplog.at_level(logging.WARNING):
        for value in (1.0, 2.0, 3.0, 4.0):
            assert torch.equal(graphs(doubled, torch.full((2,), value), torch.ones(2)), torch.full((2,), 2 * value + 1))
    assert [record.getMessage() for record in caplog.records] == [
        "CUDA graphs are not used for these shapes: operation not permitted when stream is capturing"
    ]


def test_batches_fit_into_half_of_the_free_memory() -> None:
    image = 64 * 1024 * 100 * 2
    sizes = [fitting_batch(free << 20, image) for free in (0, 500, 1500, 4000, 100_000)]
    assert sizes[0] == 1
    assert sizes[-1] == LARGEST_BATCH
    assert sizes == sorted(sizes)
    assert 1 < sizes[2] < LARGEST_BATCH


def test_the_identity_says_that_norms_are_computed_by_kernels(tmp_path: object) -> None:
    model = small_model(NARROW)
    folder = ModelFolder(
        path=tmp_path,  # type: ignore[arg-type]
        config=model.config,
        weights=tmp_path,  # type: ignore[arg-type]
        title="",
        scale_factor=1.0,
        weights_sha256="0" * 64,
    )
    plain = folder.info("x", Computation("cuda", "auto", resolved="bf16", kind="cuda"))
    kernels = folder.info("x", Computation("cuda", "auto", resolved="bf16", kind="cuda", kernels=True))
    assert plain.identity != kernels.identity
    assert plain.latents == kernels.latents


def test_kernels_give_the_norm() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton comes with torch on CUDA")
    command = [sys.executable, "-m", "tests.codecs.lincae.norm_errors"]
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    errors = json.loads(done.stdout)
    assert len(errors) == 6
    for name, error in errors.items():
        assert error < (5e-3 if "bfloat16" in name else 1e-6), name
