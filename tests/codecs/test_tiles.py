"""3x3 convolutions by tiles, and where they are used."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from lincae_studio.codecs import compiled, device, tile_choice, tiles
from lincae_studio.codecs.computation import Computation


@pytest.fixture(autouse=True)
def _torch_alone(monkeypatch: pytest.MonkeyPatch) -> object:
    """Without gradients and compiled code, which `test_compiled.py` tests."""
    monkeypatch.setattr(compiled, "library", lambda instruction_set: None)
    with torch.no_grad():
        yield


def image(channels: int, bins: int, frames: int, batch: int = 1) -> torch.Tensor:
    values = torch.randn(batch, channels, bins, frames, generator=torch.Generator().manual_seed(channels + frames))
    return values.to(memory_format=torch.channels_last)


def exact(x: torch.Tensor, conv: tiles.Conv2d) -> torch.Tensor:
    bias = None if conv.bias is None else conv.bias.double()
    return functional.conv2d(x.double(), conv.weight.double(), bias, padding=1)


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("size", [(16, 16), (64, 40), (37, 21), (5, 14), (512, 3)])
@pytest.mark.parametrize(("channels", "out_channels", "bias"), [(64, 128, True), (256, 256, False)])
def test_tiles_give_the_convolution(size: tuple[int, int], channels: int, out_channels: int, bias: bool) -> None:
    conv = tiles.Conv2d(channels, out_channels, 3, padding=1, bias=bias)
    x = image(channels, *size, batch=2)
    found = tiles.convolved(x, conv.weight, conv.bias)
    assert found.shape == (2, out_channels, *size)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert error(found, exact(x, conv)) < 2e-6
    assert torch.equal(found, tiles.convolved(x, conv.weight, conv.bias)), "not repeatable"


@pytest.mark.parametrize("size", [(64, 40), (37, 21), (5, 130)])
def test_what_comes_before_and_after_is_computed_with_it(size: tuple[int, int]) -> None:
    conv = tiles.Conv2d(16, 24, 3, padding=1, bias=False)
    x, added = image(16, *size, batch=2), image(24, *size, batch=2)
    scale, shift, bias = torch.rand(2, 16) + 0.5, torch.randn(2, 16), torch.randn(2, 24)
    activated = functional.silu(x * scale[..., None, None] + shift[..., None, None])
    expected = exact(activated, conv) + bias[..., None, None].double() + added
    sums = torch.empty(2, 2, size[0], 24)
    found = tiles.convolved(x, conv.weight, bias, activation=(scale, shift), added=added, sums=sums)
    assert error(found, expected) < 2e-6
    assert torch.equal(sums, tiles.row_sums(found))
    assert error(sums[:, 0], found.double().sum(3).transpose(1, 2)) < 1e-6
    assert error(sums[:, 1], found.double().square().sum(3).transpose(1, 2)) < 1e-6


@pytest.mark.parametrize("size", [(64, 40), (37, 21)])
def test_pixels_of_an_enlarged_image_are_squares(size: tuple[int, int]) -> None:
    conv = tiles.Conv2d(16, 12, 3, padding=1)
    x = image(16, *size, batch=2)
    expected = exact(functional.interpolate(x, scale_factor=2, mode="nearest"), conv)
    assert error(tiles.convolved(x, conv.weight, conv.bias, repeated=2), expected) < 2e-6


def test_a_convolution_computes_by_tiles_where_it_may_and_can() -> None:
    conv = tiles.Conv2d(8, 8, 3, padding=1)
    x = image(8, 32, 32)
    directly = functional.conv2d(x, conv.weight, conv.bias, padding=1)
    assert torch.equal(conv(x), directly), "only if it is asked to"
    conv.by_tiles = True
    assert torch.equal(conv(x), tiles.convolved(x, conv.weight, conv.bias))
    assert not torch.equal(conv(x), directly)
    assert torch.equal(conv(x[..., :4, :4]), functional.conv2d(x[..., :4, :4], conv.weight, conv.bias, padding=1))
    with torch.enable_grad():
        assert torch.equal(conv(x), directly)
    assert conv.bfloat16()(x.bfloat16()).dtype is torch.bfloat16


def test_another_padding_is_not_computed_by_tiles() -> None:
    conv = tiles.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")
    conv.by_tiles = True
    padded = functional.pad(image(8, 32, 32), (1, 1, 1, 1), mode="reflect")
    torch.testing.assert_close(conv(image(8, 32, 32)), functional.conv2d(padded, conv.weight, conv.bias))


def test_tiles_are_measured() -> None:
    assert tile_choice._measured("")[0] in (0, 64, 128, 256)


def measuring(monkeypatch: pytest.MonkeyPatch, found: int, undisturbed: bool = True) -> None:
    monkeypatch.setattr(tile_choice, "_measured", lambda _key: (found, undisturbed))


def test_what_was_measured_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tiles.json"
    for found in (128, 64):
        measuring(monkeypatch, found)
        assert tile_choice.narrowest(file) == 128
    file.write_text(file.read_text().replace(":128}", ":0}"))
    assert tile_choice.narrowest(file) == 0


def test_what_was_measured_beside_other_programs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tiles.json"
    for found, undisturbed in ((0, False), (256, False), (128, True)):
        measuring(monkeypatch, found, undisturbed)
        assert tile_choice.narrowest(file) == found
        assert file.exists() == undisturbed


def test_a_thread_that_had_to_wait_was_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(now)))
    for running, undisturbed in ((lambda: 0.4 * next(now), False), (lambda: 0.9 * next(now), True)):
        monkeypatch.setattr(time, "thread_time", running)
        assert tile_choice._measured.__wrapped__("")[1] == undisturbed


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"x": "y"}', b"\xff" * 100_000])
def test_a_damaged_file_of_measurements_is_replaced(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tiles.json"
    file.write_bytes(content)
    measuring(monkeypatch, 64)
    assert tile_choice.narrowest(file) == 64
    assert file.read_bytes() != content


def test_where_nothing_can_be_kept_it_is_still_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measuring(monkeypatch, 64)
    assert tile_choice.narrowest(tmp_path / "missing" / "tiles.json") == 64


def test_only_an_automatic_precision_uses_tiles() -> None:
    assert device.resolve(Computation("cpu", "fp32")).tiles == 0
    assert device.resolve(Computation("cpu", "bf16")).tiles == 0
    assert device.resolve(Computation("cpu", "auto")).tiles in (0, 64, 128, 256)
