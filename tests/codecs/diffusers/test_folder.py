"""Folders of diffusers: recognising, importing, downloading, and refusing what is damaged or odd."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file, save_file

from lincae_studio.codecs import install, library, registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.diffusers.family import FAMILY, DiffusersFamily
from lincae_studio.codecs.diffusers.folder import INDEX_NAME, NOTE_NAME, PICKLE_NAME, WEIGHTS_NAME
from lincae_studio.codecs.diffusers.public import DOWNLOADS
from lincae_studio.errors import CodecError
from tests.codecs.diffusers.models import OPTIONS, small_network
from tests.codecs.hub import LocalHub, import_folder

EXACT = Computation("cpu", "fp32")


@pytest.fixture
def copied(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A folder that may be damaged."""
    return Path(shutil.copytree(folders["same"], tmp_path / "same"))


def change(folder: Path, **options: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **options}))


@pytest.mark.parametrize("name", OPTIONS)
def test_an_imported_folder_is_a_codec(folders: dict[str, Path], name: str) -> None:
    place = import_folder(folders[name], "mine", title="Mine")
    info = registry.info("mine", EXACT)
    assert info.title == "Mine"
    by_path = registry.info(str(folders[name]), EXACT)
    assert (info.identity, info.latents) == (by_path.identity, by_path.latents)
    assert {path.name for path in place.iterdir()} == {"config.json", WEIGHTS_NAME, NOTE_NAME}
    assert (place / "config.json").read_bytes() == (folders[name] / "config.json").read_bytes()
    assert registry.load("mine", EXACT).info == info


def test_the_folder_of_a_pipeline_is_read_where_its_autoencoder_is(folders: dict[str, Path], tmp_path: Path) -> None:
    pipeline = tmp_path / "Pipeline"
    shutil.copytree(folders["ace-step"], pipeline / "vae")
    (pipeline / "model_index.json").write_text('{"_class_name": "AceStepPipeline"}')
    install.check_folder(pipeline)
    place = import_folder(pipeline, "ace")
    assert (place / "config.json").is_file()
    assert registry.info("ace").title == "Pipeline"
    change(pipeline / "vae", _class_name="AutoencoderKL")
    with pytest.raises(CodecError, match=r"vae.config\.json is of the class AutoencoderKL, which cannot be used"):
        registry.folder(str(pipeline))


def test_weights_in_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    small_network("same").save_pretrained(folder, max_shard_size="200KB")
    assert (folder / INDEX_NAME).is_file()
    assert not (folder / WEIGHTS_NAME).exists()
    install.check_folder(folder)
    import_folder(folder, "sharded")
    assert registry.load("sharded", EXACT).info.dim == 8
    index = json.loads((folder / INDEX_NAME).read_text())
    index["weight_map"] = {"a": "../weights.safetensors"}
    (folder / INDEX_NAME).write_text(json.dumps(index))
    with pytest.raises(CodecError, match="not in its folder"):
        registry.folder(str(folder))


def test_replaced_weights_are_noticed_without_an_import(copied: Path, folders: dict[str, Path]) -> None:
    before = registry.info(str(copied), EXACT)
    path = copied / WEIGHTS_NAME
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    assert registry.info(str(copied), EXACT).identity != before.identity


def missing(folder: Path) -> None:
    (folder / WEIGHTS_NAME).unlink()


def pickled(folder: Path) -> None:
    (folder / WEIGHTS_NAME).rename(folder / PICKLE_NAME)


def truncated(folder: Path) -> None:
    os.truncate(folder / WEIGHTS_NAME, 10_000)


def no_safetensors(folder: Path) -> None:
    (folder / WEIGHTS_NAME).write_bytes(b"PK\3\4" * 1000)


def other_weights(folder: Path) -> None:
    change(folder, latent_dim=16)


def integers(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS_NAME)
    name = next(iter(tensors))
    save_file({**tensors, name: tensors[name].to(torch.int8)}, folder / WEIGHTS_NAME)


def without_json(folder: Path) -> None:
    (folder / "config.json").write_text('{"_class_name": "AutoencoderSAME",')


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (missing, f"{WEIGHTS_NAME} missing"),
        (pickled, f"{PICKLE_NAME} is a pickle, which can run code and is never loaded"),
        (truncated, f"{WEIGHTS_NAME} is damaged"),
        (no_safetensors, f"{WEIGHTS_NAME} is damaged"),
        (integers, "has the type I8, not floating point"),
        (other_weights, r"does not fit .*config\.json"),
        (without_json, r"config\.json cannot be read"),
    ],
)
def test_a_damaged_folder_is_refused_by_name(copied: Path, damage: Callable[[Path], None], problem: str) -> None:
    damage(copied)
    with pytest.raises(CodecError, match=problem):
        install.check_folder(copied)
    with pytest.raises(CodecError, match=problem):
        registry.load(str(copied), EXACT)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"latent_dim": 10**9}, "latent_dim"),
        ({"encoder_strides": [16.5]}, "encoder_strides"),
        ({"encoder_strides": []}, "encoder_strides"),
        ({"encoder_strides": [64] * 8, "encoder_c_mults": [2] * 8, "encoder_transformer_depths": [1] * 8}, "frame"),
        ({"encoder_transformer_depths": [6, 6]}, "encoder_transformer_depths must have 1"),
        ({"encoder_channels": 16_384, "encoder_c_mults": [256]}, "more than 65,536"),
        ({"dim_heads": 12}, "heads of 12"),
        ({"encoder_transformer_depths": [64], "sliding_window": 64}, "a chunk would have"),
        ({"sampling_rate": "44100"}, "sampling_rate"),
        ({"another_option": 1}, "another_option"),
    ],
)
def test_an_odd_configuration_is_refused_by_name(copied: Path, options: dict[str, Any], problem: str) -> None:
    change(copied, **options)
    with pytest.raises(CodecError, match=problem) as error:
        registry.info(str(copied))
    assert str(copied / "config.json") in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("stable-audio", {"downsampling_ratios": [2, 4, 4, 7, 8]}, "even"),
        ("stable-audio", {"encoder_hidden_size": 10}, "twice"),
        ("stable-audio", {"channel_multiples": [1]}, "as many"),
        ("kvae", {"decoder_rates": [8, 5, 4, 3]}, "product"),
        ("kvae", {"attn_num_heads": 3}, "3 heads"),
        ("kvae", {"decoder_dim": 33}, "divisible"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(
    folders: dict[str, Path], tmp_path: Path, name: str, options: dict[str, Any], problem: str
) -> None:
    folder = Path(shutil.copytree(folders[name], tmp_path / "copy"))
    change(folder, **options)
    with pytest.raises(CodecError, match=problem):
        registry.info(str(folder))


@pytest.mark.parametrize(("name", "reach"), [("config.json", 500), (WEIGHTS_NAME, 3_000)])
def test_a_mutated_file_is_a_clear_error_or_still_good(copied: Path, name: str, reach: int) -> None:
    path = copied / name
    good = path.read_bytes()
    rng = random.Random(1)
    refused: list[str] = []
    for _ in range(60):
        data = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(min(reach, len(data)))
            data[at : at + rng.randint(0, 2)] = rng.choice([b"9", b"0", b"-", b"\xff", b"[", b'"', b"1e9", b"\0"])
        path.write_bytes(data)
        try:
            install.check_folder(copied)
            registry.info(str(copied), EXACT)
        except CodecError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(str(copied) in message for message in refused)


def test_a_scale_of_a_pipeline_does_not_change_the_latents(copied: Path) -> None:
    before = registry.info(str(copied), EXACT)
    change(copied, scaling_factor=0.5, _name_or_path="/somewhere")
    assert registry.info(str(copied), EXACT) == before


def test_another_class_is_of_no_known_kind(copied: Path) -> None:
    change(copied, _class_name="AutoencoderKL")
    with pytest.raises(CodecError, match=r"config\.json describes an unknown kind of model"):
        registry.folder(str(copied))


def test_a_damaged_note_is_refused_by_name(folders: dict[str, Path]) -> None:
    place = import_folder(folders["same"], "mine")
    (place / NOTE_NAME).write_text("[]")
    with pytest.raises(CodecError, match=NOTE_NAME):
        registry.info("mine")
    assert list(registry.info_and_errors()[1]) == ["mine"]


# Downloads


@pytest.fixture
def hub(folders: dict[str, Path], tmp_path: Path) -> Iterator[LocalHub]:
    shutil.copytree(folders["stable-audio"], tmp_path / "hub" / "vae")
    with LocalHub(tmp_path / "hub").running() as running:
        yield running


def test_a_downloaded_autoencoder_is_a_codec(hub: LocalHub) -> None:
    place = install.install_download("stable-audio-open", endpoint=hub.endpoint)
    info = registry.info("stable-audio-open", EXACT)
    assert (info.title, info.hop, info.sample_rate) == ("Stable Audio Open", 2048, 44_100)
    asked = len(hub.starts)
    assert install.install_download("stable-audio-open", endpoint=hub.endpoint) == place
    assert len(hub.starts) == asked
    data = bytearray((place / WEIGHTS_NAME).read_bytes())
    data[-2] ^= 1
    (place / WEIGHTS_NAME).write_bytes(data)
    install.install_download("stable-audio-open", endpoint=hub.endpoint)
    assert FAMILY.is_whole(place, None)


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_download_says_what_to_do(hub: LocalHub, status: int) -> None:
    hub.status = status
    with pytest.raises(CodecError, match="accepted the licence") as error:
        install.install_download("stable-audio-open", endpoint=hub.endpoint)
    assert "huggingface.co/stabilityai/stable-audio-open-1.0" in (error.value.remedy or "")
    assert library.installed() == ()


def test_what_is_offered_has_a_licence_and_the_geometry_of_its_class(folders: dict[str, Path]) -> None:
    kinds = {"stable-audio-open": "stable-audio", "ace-step": "ace-step", "kvae-audio": "kvae"}
    assert [download.id for download in DOWNLOADS] == list(kinds)
    for download in DOWNLOADS:
        info = registry.info(str(folders[kinds[download.id]]))
        assert (download.sample_rate, download.hop) == (info.sample_rate, info.hop)
        assert download.dim == 64
        assert download.licence
        assert download.gated == download.accept == (download.id == "stable-audio-open")
        assert replace(download, gated=False).page.startswith("https://huggingface.co/")


def test_the_family_is_one_line_of_the_registry() -> None:
    assert [type(family) for family in registry.families()].count(DiffusersFamily) == 1
    assert registry._FAMILIES.count("diffusers.family") == 1
