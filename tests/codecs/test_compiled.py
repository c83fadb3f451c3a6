"""Tiles in compiled code: built here where there is a compiler, and compared with float64 and with torch."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from lincae_studio.bench.machine import machine
from lincae_studio.codecs import compiled, device, tiles
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae import norms
from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.blocks import GroupNorm
from lincae_studio.preferences import Precision
from tests.codecs.lincae.models import TINY, TINY_FRONTEND, audio, randomise

_BUILD = Path(__file__).parents[2] / "packaging" / "kernels" / "build_libraries.py"

_FEATURES = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f"}}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built package."""
    if shutil.which("gcc") is None or sys.platform != "linux":
        pytest.skip("there is no gcc")
    folder = tmp_path_factory.mktemp("kernels") / "lincae_studio_kernels"
    folder.mkdir()
    (folder / "__init__.py").touch()
    subprocess.run([sys.executable, str(_BUILD), str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture(params=["avx2", "avx512"])
def library(request: pytest.FixtureRequest, package: Path, monkeypatch: pytest.MonkeyPatch) -> compiled.Library:
    features = machine()["features"]
    assert isinstance(features, list)
    if not _FEATURES[request.param] <= set(features):
        pytest.skip(f"the processor has no {request.param}")
    loaded = compiled.Library(package / f"{request.param}.so")
    monkeypatch.setattr(compiled, "library", lambda instruction_set: loaded)
    return loaded


@pytest.fixture(autouse=True)
def _without_gradients() -> object:
    with torch.no_grad():
        yield


def image(channels: int, size: tuple[int, int], batch: int = 2) -> torch.Tensor:
    values = torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(channels + sum(size)))
    return values.to(memory_format=torch.channels_last)


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("size", [(64, 40), (37, 21), (5, 14), (512, 3), (6, 500), (1, 1)])
@pytest.mark.parametrize(("channels", "outputs"), [(64, 64), (16, 128), (256, 192)])
@pytest.mark.usefixtures("library")
def test_they_give_the_convolution_with_what_comes_before_and_after(
    size: tuple[int, int], channels: int, outputs: int
) -> None:
    conv = tiles.Conv2d(channels, outputs, 3, padding=1)
    x, added = image(channels, size), image(outputs, size)
    scale, shift, bias = torch.rand(2, channels) + 0.5, torch.randn(2, channels), torch.randn(2, outputs)
    activated = functional.silu(x.double() * scale[..., None, None] + shift[..., None, None])
    expected = functional.conv2d(activated, conv.weight.double(), padding=1) + bias[..., None, None] + added
    sums = torch.full((2, 2, size[0], outputs), torch.nan)
    found = conv.convolved(x, bias, activation=(scale, shift), added=added, sums=sums)
    assert found.shape == expected.shape
    assert found.is_contiguous(memory_format=torch.channels_last) or 1 in size
    assert error(found, expected) < 2e-6
    assert error(sums[:, 0], expected.sum(3).transpose(1, 2)) < 2e-6
    assert error(sums[:, 1], expected.square().sum(3).transpose(1, 2)) < 2e-6
    assert error(conv.row_sums(x), tiles.row_sums(x)) < 1e-6
    plain = conv.convolved(x, None)
    assert error(plain, functional.conv2d(x.double(), conv.weight.double(), padding=1)) < 2e-6


@pytest.mark.parametrize("size", [(33, 20), (7, 9)])
@pytest.mark.usefixtures("library")
def test_pixels_of_an_enlarged_image_are_squares(size: tuple[int, int]) -> None:
    conv = tiles.Conv2d(64, 128, 3, padding=1)
    x = image(64, size)
    bias = None if conv.bias is None else conv.bias.double()
    enlarged = functional.interpolate(x.double(), scale_factor=2, mode="nearest")
    expected = functional.conv2d(enlarged, conv.weight.double(), bias, padding=1)
    assert error(conv.convolved(x, conv.bias, repeated=2), expected) < 2e-6


@pytest.mark.usefixtures("library")
def test_values_of_any_size_become_what_torch_makes_of_them() -> None:
    """The SiLU at its ends: of large values, none, and what is not a number."""
    conv = tiles.Conv2d(16, 64, 3, padding=1, bias=False)
    conv.weight.zero_()
    conv.weight[:16, :, 1, 1] = torch.eye(16)
    values = torch.tensor(
        [0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 87.5, -87.5, 100.0, -100.0, 1e4, -1e4, 3.0, -3.0, 1, -1]
    )
    x = values.view(1, 16, 1, 1).expand(1, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    pair = torch.ones(1, 16), torch.zeros(1, 16)
    found = conv.convolved(x, None, activation=pair)[0, :16, 4, 4]
    torch.testing.assert_close(found, functional.silu(values), rtol=2e-6, atol=1e-7)
    x = x.clone(memory_format=torch.channels_last)
    x[0, 3, 0, 0] = torch.nan
    assert conv.convolved(x, None, activation=pair)[0, :, 0, 0].isnan().all()


@pytest.mark.usefixtures("library")
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    conv = tiles.Conv2d(64, 64, 3, padding=1)
    x, before = image(64, (61, 50)), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            sums = torch.empty(2, 2, 61, 64)
            found.append((conv.convolved(x, conv.bias, added=x, sums=sums), sums))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_other_channels_are_left_to_torch(library: compiled.Library) -> None:
    assert not library.has(64, 24)
    assert not library.has(12, 64)
    conv = tiles.Conv2d(64, 24, 3, padding=1)
    x = image(64, (20, 20))
    expected = functional.conv2d(x.double(), conv.weight.double(), None, padding=1)
    assert error(conv.convolved(x, None), expected) < 2e-6
    assert torch.equal(conv.row_sums(x), tiles.row_sums(x))


@pytest.mark.usefixtures("library")
def test_nothing_of_another_size_reaches_compiled_code() -> None:
    """It checks nothing itself, and would read and write beyond what it was given."""
    conv, x = tiles.Conv2d(64, 64, 3, padding=1), image(64, (9, 12))
    ones, sums = torch.ones(2, 64), torch.empty(2, 2, 9, 64)
    wrong: list[dict[str, object]] = [
        {"activation": (ones[:, :32], ones)},
        {"activation": (ones, ones.double())},
        {"added": x[..., :8]},
        {"sums": sums[:, :, :8]},
        {"sums": sums.transpose(1, 2).contiguous().transpose(1, 2)},
    ]
    for options in wrong:
        with pytest.raises(AssertionError):
            conv.convolved(x, None, **options)  # type: ignore[arg-type]
    for other in (image(32, (9, 12)), image(128, (9, 12)), x.double()):
        with pytest.raises(AssertionError):
            conv.convolved(other, None)
        with pytest.raises(AssertionError):
            conv.row_sums(other)
    with pytest.raises(AssertionError):
        conv.double().convolved(x, None)


@pytest.mark.usefixtures("library")
def test_a_model_rounds_otherwise_and_its_identity_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**TINY, "base_channels": 64}

    def model(precision: Precision, tiles: int) -> Autoencoder:
        torch.manual_seed(0)
        made = Autoencoder(TINY_FRONTEND, options, {}, scale_factor=33.0, precision=precision, tiles=tiles)
        randomise(made.generator)
        made.arithmetic = lambda part: torch.float32  # type: ignore[method-assign]
        return made

    x = audio(8_000)
    exact, by_tiles = model("fp32", 0), model("auto", 64)
    latents = exact.encode(x)
    found = by_tiles.encode(x), by_tiles.decode(latents, seed=0)
    for one, other in zip(found, (latents, exact.decode(latents, seed=0)), strict=True):
        assert not torch.equal(one, other)
        assert error(one, other) < 1e-5
    assert torch.equal(by_tiles.decode(latents, seed=0), found[1]), "with weights that were kept"
    compiled_identity = by_tiles.identity
    by_tiles.load_state_dict(exact.state_dict())
    by_tiles.generator.conv_inp.weight.mul_(1.5)
    for parameter in by_tiles.generator.decoder.parameters():
        parameter.mul_(0.5)
    assert not torch.allclose(by_tiles.decode(latents, seed=0), found[1]), "weights that changed take effect"
    monkeypatch.setattr(compiled, "library", lambda instruction_set: None)
    with_torch = model("auto", 64)
    assert not torch.equal(with_torch.encode(x), found[0])
    assert with_torch.identity != compiled_identity


def narrow_norm(shape: tuple[int, ...], groups: int) -> tuple[GroupNorm, torch.Tensor, torch.Tensor]:
    """A norm in bfloat16 by kernels, an image, and the norm of that in float64."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(shape, generator=generator) * 3.0 + 0.5).bfloat16().to(memory_format=torch.channels_last)
    norm = GroupNorm(groups, shape[1])
    nn.init.normal_(norm.weight, generator=generator)
    nn.init.normal_(norm.bias, generator=generator)
    norm = norm.bfloat16()
    norm.by_kernels = True
    expected = functional.group_norm(x.double(), groups, norm.weight.double(), norm.bias.double(), norm.eps)
    return norm, x, expected


@pytest.mark.parametrize("shape", [(1, 64, 151, 120), (2, 256, 37, 61), (3, 16, 1, 21_900)])
@pytest.mark.usefixtures("library")
def test_norms_in_bfloat16_are_rounded_once(shape: tuple[int, ...]) -> None:
    norm, x, expected = narrow_norm(shape, 4)
    assert norms.computes(x)
    for found, exact in ((norm(x), expected), (norm.activated(x), functional.silu(expected))):
        assert found.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(found.sign(), exact.bfloat16().sign())
        assert error(found, exact) < 2e-3
        assert error(found, exact) < 1.05 * error(exact.bfloat16(), exact)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(norm(x), norm(x))
        many = norm.activated(x)
        torch.set_num_threads(1)
        assert torch.equal(norm.activated(x), many)
    finally:
        torch.set_num_threads(before)
    x[0, 1, 0, 0] = torch.nan
    assert norm(x)[0, 1].isnan().all()


@pytest.mark.usefixtures("library")
def test_small_images_and_other_layouts_are_left_to_torch() -> None:
    norm, x, expected = narrow_norm((1, 64, 20, 20), 4)
    assert not norms.computes(x)
    assert error(norm(x), expected) < 4e-3
    for other in (torch.ones(1, 64, 200, 100).bfloat16(), torch.ones(1, 24, 250, 200).bfloat16(), torch.ones(1 << 21)):
        assert not norms.computes(other)


@pytest.mark.usefixtures("library")
def test_an_automatic_precision_says_which_code_computes() -> None:
    assert device.resolve(Computation("cpu", "auto")).kernels
    assert not device.resolve(Computation("cpu", "fp32")).kernels


def test_the_package_is_found_by_the_instruction_set(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = compiled.library.__wrapped__
    elsewhere = [place for place in sys.path if not Path(place, package.name).exists()]
    monkeypatch.setattr(sys, "path", elsewhere)
    assert find("AVX2") is None
    monkeypatch.syspath_prepend(str(package.parent))
    assert isinstance(find("AVX2"), compiled.Library)
    assert find("DEFAULT") is None


def test_a_package_that_cannot_be_used_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "lincae_studio_kernels"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    (folder / "avx2.so").write_bytes(b"no library")
    with caplog.at_level(logging.WARNING):
        assert compiled.library.__wrapped__("AVX2") is None
    assert "lincae_studio_kernels is not used" in caplog.text


def test_another_version_is_left_out(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_VERSION", 3)
    with pytest.raises(OSError, match="version 2, where 3 is needed"):
        compiled.Library(package / "avx2.so")
