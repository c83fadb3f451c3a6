"""Code of users of `linear-cae` 0.1.4 runs with only the import line changed, and gives the same numbers."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml

import lincae_studio
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.codecs.lincae.public import PUBLIC_MODELS
from tests.codecs.hub import import_folder
from tests.codecs.lincae.models import TINY, TINY_FRONTEND, randomise, tiny_model
from tests.parity.reference import load_reference

linear_cae = load_reference()


@pytest.fixture(autouse=True)
def _public_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models under the public ids, installed here and in place of the reference's downloads."""
    for seed, model_id in enumerate(PUBLIC_MODELS):
        folder = tmp_path / PUBLIC_MODELS[model_id].folder
        pretrained.save_official(tiny_model(seed), folder)
        import_folder(folder, model_id)

    def hf_hub_download(repo_id: str, filename: str) -> str:
        return str(tmp_path / filename)

    monkeypatch.setattr(load_reference("linear_cae.inference"), "hf_hub_download", hf_hub_download)


def assert_equal(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    found, expected = torch.as_tensor(found).detach(), torch.as_tensor(expected).detach()
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert float(expected.norm()) > 0.0
    assert float((found - expected).norm() / expected.norm()) < tolerance


def readme_examples() -> list[str]:
    """The examples in the description that the package is installed with, for seconds of 2000 samples.

    Its pseudo-code is left out.
    """
    text = importlib.metadata.distribution("linear-cae").read_text("METADATA") or ""
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return [block.replace("44100", "2000") for block in blocks if "Pseudo" not in block]


def test_the_readme_examples_run_and_give_the_same_numbers() -> None:
    examples = readme_examples()
    assert len(examples) == 4
    theirs: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    for number, example in enumerate(examples):
        changed = example.replace("from linear_cae import", "from lincae_studio import")
        assert (changed != example) == (number == 0)  # the import line
        for code, names in ((example, theirs), (changed, ours)):
            torch.manual_seed(number)
            exec(compile(code, f"example {number}", "exec"), names)
        assert type(ours["model"]).__module__.startswith("lincae_studio")
        assert ours["model"].scale_factor == theirs["model"].scale_factor
        assert ours["model"].device == theirs["model"].device
        tensors = [name for name, value in theirs.items() if isinstance(value, torch.Tensor)]
        for name in tensors:
            assert_equal(ours[name], theirs[name])
    assert {"z", "reconstructed_audio", "z_chunked", "reconstructed_mix"} <= set(tensors)


def _demonstrate(autoencoder: Any, output: Path) -> None:
    """What the cells of its notebook do, on sounds of a few bells instead of a data set."""
    time_s = np.arange(3000) / 44_100
    generator = np.random.default_rng(0)
    stems = {
        name: (np.sin(2.0 * np.pi * pitch * time_s) * np.exp(-time_s / 0.02) + generator.normal(0.0, 0.01, 3000))
        for name, pitch in (("vocals", 440.0), ("bass", 110.0), ("drums", 2_000.0), ("other", 660.0))
    }
    device = torch.device("cpu")
    for model_id in ("m2l", "lin-cae", "lin-cae-2"):
        model = autoencoder.from_pretrained(model_id, max_chunk_size=1000, overlap_percentage=0.5)
        model.to(device).eval()
        torch.manual_seed(0)
        tensors = {name: torch.from_numpy(stem[None].astype(np.float32)).to(device) for name, stem in stems.items()}
        mix = torch.stack(list(tensors.values())).sum(dim=0)
        length = mix.shape[-1]
        with torch.no_grad():
            z_mix = model.encode(mix)
            latents = {name: model.encode(stem) for name, stem in tensors.items()}
            sounds = {
                "ae_mix": model.decode(z_mix, full_length=length),
                "additivity": model.decode(sum(latents.values()), full_length=length),
                "separation": model.decode(z_mix - model.encode(mix - tensors["vocals"]), full_length=length),
            }
            for scalar in (0.1, 0.5, 2.0):
                sounds[f"scale_{scalar}"] = model.decode(latents["vocals"] * scalar, full_length=length)
        for name, sound in sounds.items():
            path = output / model_id / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Its models have no sample rate unless their configuration specifies one.
            soundfile.write(path, sound.detach().cpu().numpy().squeeze(), model.sample_rate or 44_100, "FLOAT")


def test_the_steps_of_the_notebook_give_the_same_sounds(tmp_path: Path) -> None:
    _demonstrate(linear_cae.Autoencoder, tmp_path / "theirs")
    _demonstrate(lincae_studio.Autoencoder, tmp_path / "ours")
    files = sorted(path.relative_to(tmp_path / "theirs") for path in (tmp_path / "theirs").rglob("*.wav"))
    assert len(files) == 18
    for name in files:
        assert_equal(*(soundfile.read(tmp_path / whose / name)[0] for whose in ("ours", "theirs")))


def _convert(autoencoder: Any, trained: dict[str, torch.Tensor], folder: Path) -> Any:
    """What its `launch.py` does after training: write weights and options, and build a model from them again."""
    folder.mkdir(parents=True)
    torch.save(trained, folder / "autoencoder.pth")
    parts = {"frontend": {**TINY_FRONTEND, "sample_rate": 44_100}, "generator": TINY, "diffusion": {"end_exp": 2.0}}
    for name, options in parts.items():
        (folder / f"{name}_kwargs.yaml").write_text(yaml.dump(options))
    model = autoencoder(
        frontend=parts["frontend"], generator=parts["generator"], diffusion=parts["diffusion"], diffusion_steps=2
    )
    model.load_state_dict(torch.load(folder / "autoencoder.pth", map_location="cpu", weights_only=True))
    return model.eval()


def test_files_of_the_references_launcher_can_be_built_and_loaded(tmp_path: Path) -> None:
    trained = linear_cae.Autoencoder(TINY_FRONTEND, TINY, {}).eval()
    randomise(trained.generator)
    x = 0.2 * torch.randn(2, 1500, generator=torch.Generator().manual_seed(1))
    plain = trained.state_dict()
    theirs = _convert(linear_cae.Autoencoder, plain, tmp_path / "theirs")
    expected = theirs.encode(x)
    assert any(key.startswith("encoder.") for key in theirs.state_dict())  # from now on it saves the encoder twice
    torch.manual_seed(0)
    sound = theirs.decode(expected, 1500, 3)
    sound_by_default = theirs.decode(expected, 1500)
    for number, state in enumerate((plain, theirs.state_dict())):
        folder = tmp_path / f"ours {number}"
        built = _convert(lincae_studio.Autoencoder, state, folder)
        loaded = lincae_studio.Autoencoder.from_pretrained(folder, scale_factor=1.0, diffusion_steps=2)
        for ours in (built, loaded):
            assert ours.sample_rate == theirs.sample_rate == 44_100
            assert_equal(ours.encode(x), expected)
            torch.manual_seed(0)
            assert_equal(ours.decode(expected, 1500, 3), sound)
            assert_equal(ours.decode(expected, 1500), sound_by_default)


@pytest.mark.parametrize("chunking", [{}, {"max_chunk_size": 1000, "overlap_percentage": 0.3}], ids=["whole", "chunks"])
@pytest.mark.parametrize("steps", [1, 3])
def test_noise_is_drawn_from_torchs_generator_as_in_the_reference(chunking: dict[str, Any], steps: int) -> None:
    options = {"max_batch_size": 2, **chunking}
    models = [package.Autoencoder.from_pretrained("lin-cae", **options) for package in (linear_cae, lincae_studio)]
    with torch.no_grad():
        latents = models[0].encode(0.2 * torch.randn(3, 2500))
    found = []
    for model in models:
        torch.manual_seed(5)
        found += [model.decode(latents, 2500, diffusion_steps=steps) for _ in range(2)]
        found.append(torch.rand(4))  # the generator is left as it is there
    for ours, theirs in zip(found[3:], found[:3], strict=True):
        assert_equal(ours, theirs)
    assert not torch.allclose(found[3], found[4])


#: Attributes that its own trainer, tests and notebook read.
_ATTRIBUTES = {
    "": [
        "diffusion_steps",
        "mixed_precision",
        "name",
        "max_batch_size",
        "max_chunk_size",
        "overlap_percentage",
        "scale_factor",
        "device",
    ],
    "frontend.": ["hop_size", "fac", "alpha_rescale", "beta_rescale", "sample_rate", "window"],
    "generator.": [
        "hop",
        "data_channels",
        "cond_channels",
        "layers_list",
        "multipliers_list",
        "attention_list",
        "freq_downsample_list",
        "frequency_scaling",
        "pre_normalize_2d_to_1d",
        "pre_normalize_downsampling_encoder",
        "init_as_zero",
        "use_fourier",
        "fourier_scale",
        "sigma_min",
        "sigma_max",
        "sigma_data",
    ],
    "diffusion.": [
        "enable_grad_denoise",
        "schedule",
        "start_exp",
        "end_exp",
        "base_step",
        "sigma_min",
        "sigma_max",
        "sigma_data",
        "rho",
        "p_mean",
        "p_std",
        "use_lognormal",
        "total_iters",
    ],
}


@pytest.mark.parametrize("name", [part + name for part, names in _ATTRIBUTES.items() for name in names])
def test_attributes_have_the_references_values(name: str) -> None:
    values = []
    for package in (linear_cae, lincae_studio):
        value: Any = package.Autoencoder.from_pretrained("lin-cae-2", max_batch_size=3)
        for part in name.split("."):
            value = getattr(value, part)
        values.append(list(value) if isinstance(value, tuple | torch.Tensor) else value)
    assert values[0] == values[1]


def test_parts_can_be_built_by_themselves_and_shared() -> None:
    weights = tiny_model().generator.state_dict()
    models = []
    for package, parts in ((linear_cae, load_reference("linear_cae.components")), (lincae_studio, lincae_studio)):
        built = package.Autoencoder(TINY_FRONTEND, TINY, {})
        generator = parts.UNet(**TINY)
        generator.load_state_dict(weights)
        diffusion = parts.Diffusion(end_exp=2.0, enable_grad_denoise=True)
        model = package.AutoencoderInferenceModel(built.frontend, generator, diffusion).eval()
        assert model.generator is generator
        assert model.frontend is built.frontend
        assert model.diffusion is diffusion
        assert not diffusion.enable_grad_denoise  # an option of the model, too
        with model.ema.average_parameters():
            torch.manual_seed(0)
            models.append(model.decode(torch.ones(1, 8, 4)))
    assert_equal(models[1], models[0])


def test_the_parts_compute_the_same_as_the_references() -> None:
    found: list[list[Any]] = []
    for package in (linear_cae, lincae_studio):
        model = package.Autoencoder.from_pretrained("m2l")
        torch.manual_seed(0)
        x = model.frontend(0.2 * torch.randn(2, 700))
        noisy, level = x + torch.randn(x.shape), torch.tensor([1.0, 7.0])
        with torch.no_grad():
            latents = model.generator.encoder(x)
            features = model.generator.encoder(x, extract_features=True)
            torch.manual_seed(1)
            sampled = model.diffusion.reverse_diffusion(
                model.generator, 80.0 * torch.randn(x.shape), 2, latents=latents
            )
            found.append(
                [
                    x,
                    latents,
                    features,
                    sampled,
                    torch.rand(3),
                    model.frontend(x, inverse=True),
                    model.generator.encoder.bottleneck_features(features),
                    *model.generator.decoder(latents),
                    model.generator.forward_generator(latents, noisy),
                    model.generator.forward_generator(x, noisy, 3.0),
                    model.generator.forward_generator(latents, noisy, level, model.generator.decoder(latents)),
                    *model.generator(x, x, noisy, level / 2.0, level),
                    model.diffusion.add_noise(x, noisy, level),
                    model.diffusion.reverse_step(x, noisy, 2.0),
                    model.diffusion.get_sigma(3, 5),
                    model.diffusion.get_sigma_continuous(level / 10.0),
                    model.diffusion.get_step_schedule(30, 100),
                    model.diffusion.get_step_schedule(30),
                    model.diffusion.get_step_continuous(level / 10.0, 0.3),
                    model.diffusion.get_loss_weight(level, level / 2.0),
                    model.diffusion.get_sampling_weights(50, device="cpu"),
                ]
            )
    for theirs, ours in zip(*found, strict=True):
        assert_equal(ours, theirs)
