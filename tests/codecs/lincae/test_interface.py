"""The Python interface of `Autoencoder`: precision, device, noise, gradients, ids, compiled and traced parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lincae_studio.codecs import device, registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae import codec, model, pretrained
from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.blocks import FREQUENCY_AND_TIME, Downsample
from lincae_studio.codecs.lincae.lowered import with_gradients
from lincae_studio.codecs.lincae.noise import noise_field
from lincae_studio.codecs.lincae.public import PUBLIC_MODELS
from lincae_studio.errors import CodecError
from tests.codecs.hub import import_folder
from tests.codecs.lincae.models import TINY, TINY_FRONTEND, randomise, small_model, tiny_model


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """The id of a public model that is installed."""
    pretrained.save_official(tiny_model(), tmp_path / "official")
    import_folder(tmp_path / "official", "lin-cae")
    return "lin-cae"


def sound(samples: int = 2000, batch: int = 2) -> torch.Tensor:
    return 0.2 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def latents_of(autoencoder: Autoencoder, batch: int = 2, frames: int = 4) -> torch.Tensor:
    return torch.randn(batch, autoencoder.dim, frames, generator=torch.Generator().manual_seed(2))


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).detach().norm() / expected.detach().norm())


def test_pythons_default_is_fp32_where_the_studio_uses_bf16(installed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (device, model):
        monkeypatch.setattr(module, "native_bf16", lambda _: True)
    monkeypatch.setenv("LINCAE_STUDIO_PRECISION", "bf16")
    default = Autoencoder.from_pretrained(installed)
    latents = latents_of(default)
    assert default.arithmetic("decoder") is default.arithmetic("encoder") is torch.float32
    assert tiny_model().arithmetic("decoder") is torch.float32
    exact = Autoencoder.from_pretrained(installed, precision="fp32")
    assert torch.equal(default.decode(latents, seed=0), exact.decode(latents, seed=0))
    assert torch.equal(default.encode(sound()), exact.encode(sound()))
    automatic = Autoencoder.from_pretrained(installed, precision="auto")
    studio = registry.load(installed, Computation("cpu"))
    rounded = automatic.decode(latents, seed=0)
    assert relative(rounded, exact.decode(latents, seed=0)) > 1e-3
    heard = studio.decode(latents.numpy(), first_frames=[0, 0], seed=0)
    np.testing.assert_array_equal(heard, rounded.numpy())


def test_a_model_is_on_the_cpu_unless_told_otherwise(installed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "default_device", lambda: torch.device("meta"))
    assert Autoencoder.from_pretrained(installed).device.type == "cpu"
    assert Autoencoder.from_pretrained(installed, device=None).device.type == "cpu"


def test_the_studio_computes_no_gradients(installed: str) -> None:
    studio = registry.load(installed, Computation("cpu", "fp32"))
    assert isinstance(studio, codec.LinCaeCodec)
    kept: list[bool] = []
    studio.model.generator.encoder.conv_out.register_forward_hook(lambda *_: kept.append(torch.is_grad_enabled()))
    studio.model.generator.conv_out.register_forward_hook(lambda *_: kept.append(torch.is_grad_enabled()))
    latents = studio.encode(sound(studio.info.window_samples(3)).numpy())
    studio.decode(latents, first_frames=[0, 3], seed=0)
    studio.silence(2)
    assert len(kept) > 2
    assert not any(kept)


@pytest.mark.parametrize("alpha", [0.05, 0.65, 1.0])
@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-12])
def test_gradients_are_finite_on_silence(alpha: float, level: float) -> None:
    autoencoder = Autoencoder({**TINY_FRONTEND, "alpha_rescale": alpha}, tiny_model().config.generator, {})
    randomise(autoencoder.generator)
    x = (level * sound()).requires_grad_()
    (autoencoder.encode(x) - 1.0).square().mean().backward()
    for gradient in (x.grad, *(weight.grad for weight in autoencoder.generator.encoder.parameters())):
        assert gradient is not None
        assert torch.isfinite(gradient).all()
    spectrum = torch.zeros(1, 2, 64, 4, requires_grad=True)
    autoencoder.frontend.to_waveform(spectrum).sum().backward()
    assert spectrum.grad is not None
    assert torch.isfinite(spectrum.grad).all()


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_gradients_reach_the_weights_in_reduced_precision(precision: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "native_bf16", lambda _: True)
    exact = tiny_model(enable_grad_denoise=True)
    rounded = tiny_model(enable_grad_denoise=True, precision=precision)
    found = []
    for autoencoder in (exact, rounded):
        autoencoder.decode(autoencoder.encode(sound()), seed=0).square().mean().backward()
        found.append({name: weight.grad for name, weight in autoencoder.named_parameters() if weight.grad is not None})
    assert found[0].keys() == found[1].keys()
    assert all(gradient.dtype is torch.float32 for gradient in found[1].values())
    assert relative(*(torch.cat([gradient.flatten() for gradient in model.values()]) for model in found)) < 0.2
    with torch.no_grad():
        expected = rounded.decode(rounded.encode(sound()), seed=0)
    assert relative(rounded.decode(rounded.encode(sound()), seed=0), expected) < 0.05


def test_weights_in_another_type_have_the_gradients_of_the_original() -> None:
    network, same = tiny_model().generator, tiny_model().generator
    x = torch.randn(2, 2, 64, 8, generator=torch.Generator().manual_seed(0))
    with_gradients(network, torch.float64).encoder(x).square().mean().backward()
    same.encoder(x).square().mean().backward()
    for found, expected in zip(network.encoder.parameters(), same.encoder.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-3, atol=1e-5)


def test_without_a_seed_every_item_and_call_has_its_own_noise() -> None:
    autoencoder = tiny_model(max_batch_size=2)
    latents = latents_of(autoencoder, 1).expand(2, -1, -1)
    torch.manual_seed(3)
    first, second = autoencoder.decode(latents), autoencoder.decode(latents)
    torch.manual_seed(3)
    assert torch.equal(autoencoder.decode(latents), first)
    for one, other in ((first[0], first[1]), (first, second)):
        assert relative(one, other) > 0.01


def test_seeds_are_one_for_all_items_or_one_for_each() -> None:
    autoencoder = tiny_model(max_chunk_size=1000, max_batch_size=3)
    latents = latents_of(autoencoder, 1).expand(3, -1, -1)
    same = autoencoder.decode(latents, seed=4)
    assert torch.equal(same[0], same[1])
    for seeds in ([4, 9, 4], (4, 9, 4), np.array([4, 9, 4]), torch.tensor([4, 9, 4])):
        each = autoencoder.decode(latents, seed=seeds)
        torch.testing.assert_close(each[[0, 2]], same[[0, 2]])
        assert relative(each[1], same[1]) > 0.01
    with torch.no_grad():
        chunked = autoencoder.encode(sound(2500, 3))
    together = autoencoder.decode(chunked, 2500, seed=[1, 2, 3])
    for item in range(3):
        torch.testing.assert_close(together[item], autoencoder.decode(chunked[item : item + 1], 2500, seed=item + 1)[0])


@pytest.mark.parametrize("seed", [[1], [1, 2, 3], [1, -1], [1.5, 2], "12", True, np.array([1.0, 2.0])])
def test_seeds_that_do_not_fit_are_refused(seed: Any) -> None:
    autoencoder = tiny_model()
    with pytest.raises(CodecError, match="seed"):
        autoencoder.decode(latents_of(autoencoder), seed=seed)


@pytest.mark.parametrize("overlap", [0.25, 0.26, 0.27, 0.3])
def test_noise_of_chunks_lies_at_the_nearest_frame(overlap: float) -> None:
    autoencoder = tiny_model(max_chunk_size=1024, overlap_percentage=overlap)
    with torch.no_grad():
        latents = autoencoder.encode(sound(4000, 1))
    chunks, hop = latents.shape[1], autoencoder.frontend.hop
    step = 1024 - int(1024 * overlap)
    frames = latents.shape[-1] * 2
    fields = [noise_field(6, round(chunk * step / hop), frames, 128) for chunk in range(chunks)]
    noise = torch.from_numpy(np.stack(fields)).reshape(chunks, frames, 2, 64).permute(0, 2, 3, 1)
    assert torch.equal(autoencoder.decode(latents, 4000, seed=6), autoencoder.decode(latents, 4000, noise=noise))


def test_calling_a_model_encodes_and_decodes() -> None:
    autoencoder = tiny_model()
    x = sound(autoencoder.get_decoded_size(10))
    with torch.no_grad():
        expected = autoencoder.decode(autoencoder.encode(x), x.shape[-1], seed=2)
        assert torch.equal(autoencoder(x, seed=2), expected)
        assert torch.equal(autoencoder(x.numpy(), seed=2), expected)
    assert expected.shape == x.shape


@pytest.mark.slow
def test_compiled_methods_give_the_same_numbers() -> None:
    frontend = {**TINY_FRONTEND, "hop_size": 8}
    options = {**TINY, "hop": 8, "multipliers_list": [1], "freq_downsample_list": [], "attention_list": [0]}
    options |= {"layers_list": [1], "layers_list_encoder": [1], "attention_list_encoder": [0]}
    autoencoder = Autoencoder(frontend, options, {}, max_batch_size=2)
    randomise(autoencoder.generator)
    encode, decode = (torch.compile(method, backend="aot_eager") for method in (autoencoder.encode, autoencoder.decode))
    latents = encode(sound(200))
    assert latents.requires_grad
    torch.testing.assert_close(latents, autoencoder.encode(sound(200)))
    found = []
    for decoder in (decode, autoencoder.decode):
        torch.manual_seed(0)
        found.append(decoder(latents.detach(), 150))
        assert torch.is_grad_enabled()
    torch.testing.assert_close(*found)


class _Denoise(nn.Module):
    """The U-Net as one function of tensors."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.generator = autoencoder.generator

    def forward(self, latents: torch.Tensor, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return self.generator.forward_generator(latents, noisy, sigma)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("gradients", [False, True])
def test_the_networks_can_be_traced(gradients: bool) -> None:
    autoencoder = tiny_model()
    x, latents, sigma = sound(), latents_of(autoencoder), torch.tensor([0.5, 3.0])
    noisy = torch.randn(2, 2, 64, 8, generator=torch.Generator().manual_seed(0))
    with torch.set_grad_enabled(gradients):
        representation = autoencoder.frontend(x)
        cases: list[tuple[nn.Module, tuple[torch.Tensor, ...]]] = [
            (autoencoder.frontend, (x,)),
            (autoencoder.generator.encoder, (representation,)),
            (autoencoder.generator.decoder, (latents,)),
            (autoencoder.generator, (noisy, noisy, noisy, sigma, 2.0 * sigma)),
            (_Denoise(autoencoder), (latents, noisy, sigma)),
        ]
        for module, arguments in cases:
            traced = torch.jit.trace(module, arguments)
            found, expected = traced(*arguments), module(*arguments)
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("part", "name"), [("frontend", "hop_size"), ("generator", "hop"), ("diffusion", "sigma_max")])
def test_options_of_parts_cannot_be_set_without_effect(part: str, name: str) -> None:
    autoencoder = tiny_model()
    before = getattr(getattr(autoencoder, part), name)
    with pytest.raises(AttributeError):
        setattr(getattr(autoencoder, part), name, 7)
    assert getattr(getattr(autoencoder, part), name) == before


def test_unknown_options_of_parts_are_named() -> None:
    from lincae_studio import Diffusion, UNet

    with pytest.raises(CodecError, match="hops"):
        UNet(hops=32)
    with pytest.raises(CodecError, match="rho"):
        Diffusion(rho=-1.0)


@pytest.mark.parametrize("model_id", ["lin-cae", "0a3afbec", "0a3afbec_weights"])
def test_folders_of_the_hub_are_ids_too(installed: str, model_id: str) -> None:
    found = Autoencoder.from_pretrained(model_id=model_id, max_batch_size=4, diffusion_steps=3)
    assert found.scale_factor == PUBLIC_MODELS[installed].scale_factor
    assert (found.max_batch_size, found.diffusion_steps) == (4, 3)


def test_the_scale_factor_of_a_public_name_is_its_default() -> None:
    options = tiny_model().config
    for name, scale in (("lin-cae-2", 40.0), ("another", 1.0)):
        found = Autoencoder(
            frontend=options.frontend, generator=options.generator, diffusion=options.diffusion, name=name
        )
        assert found.scale_factor == scale


def test_state_dicts_with_the_encoder_twice_load(tmp_path: Path) -> None:
    autoencoder, other = tiny_model(), tiny_model(1)
    state = autoencoder.state_dict()
    doubled = {**state, **{f"encoder.{key}": value for key, value in autoencoder.encoder.state_dict().items()}}
    before = dict(doubled)
    other.load_state_dict(doubled)
    assert doubled.keys() == before.keys()
    assert torch.equal(other.encode(sound()), autoencoder.encode(sound()))
    nested = nn.ModuleDict({"inner": tiny_model(1)})
    nested.load_state_dict({f"inner.{key}": value for key, value in doubled.items()})
    pretrained.save_official(autoencoder, tmp_path)
    torch.save(doubled, tmp_path / "autoencoder_inference_model_last.pth")
    assert torch.equal(Autoencoder.from_pretrained(tmp_path, scale_factor=33.0).encode(sound()), other.encode(sound()))

    doubled["encoder.conv_out.bias"] = doubled["encoder.conv_out.bias"] + 1.0
    torch.save(doubled, tmp_path / "autoencoder_inference_model_last.pth")
    for load in (
        lambda: other.load_state_dict(doubled),
        lambda: Autoencoder.from_pretrained(tmp_path, scale_factor=1.0),
    ):
        with pytest.raises(CodecError, match=r"encoder\.conv_out\.bias and generator\.encoder\.conv_out\.bias differ"):
            load()


def test_a_folder_of_the_references_trainer_can_be_installed(tmp_path: Path) -> None:
    autoencoder = tiny_model()
    pretrained.save_official(autoencoder, tmp_path / "official")
    for name in ("autoencoder_inference_model", "frontend_kwargs", "generator_kwargs", "diffusion_kwargs"):
        path = next((tmp_path / "official").glob(f"{name}_last.*"))
        path.rename(path.with_name(f"{name.removesuffix('_inference_model')}{path.suffix}"))
    import_folder(tmp_path / "official", "mine", scale_factor=7.0)
    loaded = Autoencoder.from_pretrained(tmp_path / "official", scale_factor=33.0)
    assert torch.equal(loaded.encode(sound()), autoencoder.encode(sound()))
    found = registry.load("mine", Computation("cpu", "fp32")).encode(sound(700).numpy())
    with torch.no_grad():
        np.testing.assert_allclose(found, loaded.encode(sound(700)).numpy() * 7.0 / 33.0, rtol=1e-5, atol=1e-6)
    with pytest.raises(CodecError, match=r"autoencoder_inference_model_best\.pth"):
        Autoencoder.from_pretrained(tmp_path / "official", "best", scale_factor=33.0)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_images_are_halved_in_reduced_precision(frames: int) -> None:
    exact = Downsample(64, 64, FREQUENCY_AND_TIME, False, "zeros").requires_grad_(False)
    image = torch.randn(1, 64, 64, frames, generator=torch.Generator().manual_seed(0))
    expected = exact(image)
    reduced = exact.bfloat16().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = reduced(image.bfloat16().to(memory_format=torch.channels_last))
    assert found.shape == expected.shape
    assert float((found - expected).norm() / expected.norm()) < 0.02


def test_tiles_change_only_the_rounding() -> None:
    directly, by_tiles = small_model(precision="auto"), small_model(precision="auto", tiles=8)
    for autoencoder in (directly, by_tiles):
        autoencoder.arithmetic = lambda part: torch.float32  # type: ignore[method-assign]
    audio = sound(40_000, batch=1)
    with torch.no_grad():
        latents, tiled = directly.encode(audio), by_tiles.encode(audio)
        found, expected = by_tiles.decode(latents, seed=0), directly.decode(latents, seed=0)
    for one, other in ((tiled, latents), (found, expected)):
        assert not torch.equal(one, other)
        assert float((one - other).norm() / other.norm()) < 1e-5
    assert directly.identity != by_tiles.identity
    by_tiles.load_state_dict(small_model(seed=1).state_dict())
    assert not torch.allclose(by_tiles.encode(audio), tiled), "weights that changed take effect"


def test_without_an_automatic_precision_there_are_no_tiles() -> None:
    audio = sound(40_000, batch=1)
    with torch.no_grad():
        assert torch.equal(small_model(tiles=8).encode(audio), small_model().encode(audio))
