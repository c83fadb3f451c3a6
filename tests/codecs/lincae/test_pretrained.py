"""Checkpoints: both formats, and files that must be refused."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.codecs.lincae.autoencoder import Autoencoder
from lincae_studio.codecs.lincae.folder import WEIGHTS_NAME, describe, open_folder
from lincae_studio.codecs.lincae.pretrained import check_weights, convert
from lincae_studio.codecs.lincae.public import official_names
from lincae_studio.errors import CodecError
from tests.codecs.lincae.models import audio, small_model


@pytest.fixture
def model() -> Autoencoder:
    return small_model()


@pytest.fixture
def official(model: Autoencoder, tmp_path: Path) -> Path:
    pretrained.save_official(model, tmp_path / "official")
    return tmp_path / "official"


@pytest.fixture
def own(model: Autoencoder, tmp_path: Path) -> Path:
    pretrained.save_own(model, tmp_path / "own", title="Own", linear=True)
    return tmp_path / "own"


def test_both_formats_give_the_same_model_back(model: Autoencoder, official: Path, own: Path) -> None:
    x = audio(20_000)
    expected = model.encode(x)
    from_official = Autoencoder.from_pretrained(official, scale_factor=33.0, precision="fp32")
    from_own = Autoencoder.from_pretrained(own, precision="fp32")
    assert from_own.scale_factor == 33.0
    for loaded in (from_official, from_own):
        assert torch.equal(loaded.encode(x), expected)
        assert loaded.identity == model.identity


def test_an_official_folder_needs_a_scale_factor(official: Path) -> None:
    with pytest.raises(CodecError, match="scale factor"):
        Autoencoder.from_pretrained(official)


def test_an_unknown_id_lists_the_known_ones() -> None:
    with pytest.raises(CodecError, match=r"lin-cae, lin-cae-2, m2l"):
        Autoencoder.from_pretrained("lin-cae-3")


@pytest.mark.parametrize("name", official_names())
def test_a_missing_file_is_named(official: Path, name: str) -> None:
    (official / name).unlink()
    with pytest.raises(CodecError, match=name.replace(".", r"\.")):
        Autoencoder.from_pretrained(official, scale_factor=1.0)


def test_weights_that_do_not_fit_are_named(official: Path) -> None:
    path = official / official_names()[0]
    state = torch.load(path, weights_only=True)
    state["generator.surprise"] = torch.zeros(3)
    state["generator.conv_inp.bias"] = torch.zeros(1)
    state["generator.norm_out.bias"] = torch.full_like(state["generator.norm_out.bias"], torch.nan)
    del state["generator.norm_out.weight"]
    torch.save(state, path)
    with pytest.raises(CodecError) as caught:
        Autoencoder.from_pretrained(official, scale_factor=1.0)
    for words in (
        "generator.surprise is unknown",
        "generator.norm_out.weight is missing",
        "generator.conv_inp.bias is",
        "generator.norm_out.bias is not finite",
    ):
        assert words in str(caught.value)


class _RunsCode:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.marker,))


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(official: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    weights = official / official_names()[0]
    for write in (
        lambda: torch.save({"generator.conv_inp.bias": _RunsCode(marker)}, weights),
        lambda: weights.write_bytes(pickle.dumps(_RunsCode(marker))),
    ):
        write()
        with pytest.raises(CodecError, match="refused"):
            Autoencoder.from_pretrained(official, scale_factor=1.0)
    assert not marker.exists()


def test_a_yaml_that_would_make_objects_is_refused(official: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (official / "generator_kwargs_last.yaml").write_text(f"!!python/object/apply:os.system ['touch {marker}']")
    with pytest.raises(CodecError, match="cannot be read"):
        Autoencoder.from_pretrained(official, scale_factor=1.0)
    assert not marker.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_weights_are_refused(official: Path, own: Path, share: float) -> None:
    for folder, name in ((official, official_names()[0]), (own, WEIGHTS_NAME)):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])
        with pytest.raises(CodecError):
            Autoencoder.from_pretrained(folder, scale_factor=1.0)


def test_tampered_weights_are_refused_by_their_checksum(own: Path) -> None:
    weights = own / WEIGHTS_NAME
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CodecError, match="checksum"):
        Autoencoder.from_pretrained(own)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("weights", "../stolen.pth", "not in its folder"),
        ("weights", "weights.pkl", "not in its folder"),
        ("weights", "other.safetensors", "other.safetensors missing"),
        ("version", 99, "another format or version"),
        ("format", "something", "another format or version"),
        ("scale_factor", -1.0, "not a positive number"),
        ("scale_factor", "33", "cannot be read"),
        ("surprise", 1, "surprise"),
    ],
)
def test_a_description_that_cannot_be_trusted_is_refused(own: Path, field: str, value: object, words: str) -> None:
    path = own / CONFIG_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(CodecError, match=words):
        Autoencoder.from_pretrained(own)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe"])
def test_a_broken_description_is_refused(own: Path, data: bytes) -> None:
    (own / CONFIG_NAME).write_bytes(data)
    with pytest.raises(CodecError, match="cannot be read"):
        Autoencoder.from_pretrained(own)


def test_conversion_there_and_back_gives_the_same_model(model: Autoencoder, official: Path, tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="scale factor"):
        convert(official, tmp_path / "ours")
    assert convert(official, tmp_path / "ours", scale_factor=33.0, linear=True, title="Mine") == "safetensors"
    folder = open_folder(tmp_path / "ours")
    assert (folder.title, folder.linear, folder.scale_factor) == ("Mine", True, 33.0)
    assert convert(tmp_path / "ours", tmp_path / "back") == "official"
    assert convert(tmp_path / "back", tmp_path / "again", "official") == "official"
    for name in official_names()[1:]:
        assert (tmp_path / "again" / name).read_text() == (official / name).read_text()
    loaded = Autoencoder.from_pretrained(tmp_path / "again", scale_factor=33.0, precision="fp32", device="cpu")
    assert loaded.identity == model.identity


@pytest.mark.parametrize("options", [{"title": "Mine"}, {"linear": False}, {"scale_factor": 3.0}], ids=str)
def test_options_that_the_official_format_cannot_store_are_refused(
    own: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(CodecError, match=next(iter(options)).replace("_", " ")):
        convert(own, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("scale_factor", [0.0, -1.0, float("nan"), float("inf")])
def test_invalid_scale_factors_are_refused_everywhere(
    model: Autoencoder, official: Path, own: Path, tmp_path: Path, scale_factor: float
) -> None:
    for attempt in (
        lambda: Autoencoder.from_pretrained(official, scale_factor=scale_factor),
        lambda: Autoencoder.from_pretrained(own, scale_factor=scale_factor),
        lambda: convert(own, tmp_path / "new", "safetensors", scale_factor=scale_factor),
        lambda: describe(own, model.config, weights_sha256="", scale_factor=scale_factor, title="", linear=False),
    ):
        with pytest.raises(CodecError, match="not a positive number"):
            attempt()
    assert not (tmp_path / "new").exists()


def test_an_unknown_format_is_refused(official: Path, tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="safetensors, official"):
        convert(official, tmp_path / "new", "onnx", scale_factor=1.0)


def test_conversion_replaces_nothing(official: Path, own: Path) -> None:
    with pytest.raises(CodecError, match="not an empty folder"):
        convert(official, own, scale_factor=1.0)


def test_conversion_onto_a_full_disk_says_so(official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(CodecError, match="disk is full"):
            convert(official, tmp_path / name, scale_factor=1.0)
    assert not (tmp_path / "new").exists()
    assert os.listdir(tmp_path / "empty") == []


def test_conversion_fills_an_empty_folder_with_the_format_and_nothing_else(official: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    convert(official, tmp_path / "empty", scale_factor=1.0)
    assert sorted(os.listdir(tmp_path / "empty")) == sorted([CONFIG_NAME, WEIGHTS_NAME])


def test_options_of_a_folder_are_checked(official: Path) -> None:
    path = official / "generator_kwargs_last.yaml"
    options = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**options, "extra_option": 1}))
    with pytest.raises(CodecError, match="extra_option"):
        Autoencoder.from_pretrained(official, scale_factor=1.0)


def test_a_configuration_of_any_size_takes_no_memory(own: Path) -> None:
    path = own / CONFIG_NAME
    config = json.loads(path.read_text())
    config["model"]["generator"]["base_channels"] = 16_384  # terabytes
    path.write_text(json.dumps(config))
    with pytest.raises(CodecError, match="do not fit"):
        Autoencoder.from_pretrained(own)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.zeros(1).expand(10**13), "instead of"),
        (torch.zeros(1).expand(8), "share their memory"),
        (torch.zeros(8, dtype=torch.int64), "int64"),
        (torch.zeros(8, dtype=torch.complex64), "complex64"),
        (torch.zeros(8).to_sparse(), "not an ordinary tensor"),
        (torch.zeros(8, device="meta"), "not an ordinary tensor"),
        (torch.full((8,), 1e300, dtype=torch.float64), "not finite"),
    ],
    ids=["expanded", "shared", "integers", "complex", "sparse", "meta", "overflow"],
)
def test_weights_that_are_not_all_there_are_refused(model: Autoencoder, value: torch.Tensor, words: str) -> None:
    state = {**model.state_dict(), "generator.norm_out.weight": value}
    with pytest.raises(CodecError, match=words):
        check_weights(state, model.state_dict(), "here")


def test_expanded_weights_in_a_small_file_are_refused(official: Path) -> None:
    path = official / official_names()[0]
    state = torch.load(path, weights_only=True)
    state["generator.surprise"] = torch.zeros(1).expand(10**13)
    torch.save(state, path)
    with pytest.raises(CodecError, match="surprise is unknown"):
        Autoencoder.from_pretrained(official, scale_factor=1.0)


def test_any_damage_to_a_pickle_is_refused_and_is_no_internal_error(official: Path) -> None:
    path = official / official_names()[0]
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    folder = open_folder(official)
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(CodecError):
            pretrained.read_weights(folder, 2)


@pytest.mark.parametrize(
    "text",
    [
        "hop: " + "9" * 5000,
        "[" * 10_000,
        "hop: !!int ''",
        "hop: !!timestamp x",
        "hop: 2020-99-99",
        "#" * (2 << 14),
        "a: &a {k: 1}\n" + "".join(f"{n}: &{n} {{<<: [*a, *a]}}\n" for n in range(3)),
        "hop: [[[1]]]",
    ],
    ids=["long-integer", "deep", "empty-integer", "timestamp", "date", "long-file", "aliases", "nested"],
)
def test_odd_yaml_is_refused(official: Path, text: str) -> None:
    (official / "generator_kwargs_last.yaml").write_text(text)
    with pytest.raises(CodecError, match="cannot be read"):
        open_folder(official)


def test_descriptions_that_are_too_long_or_deep_are_refused(own: Path) -> None:
    path = own / CONFIG_NAME
    text = path.read_text()
    for data in (text + " " * (2 << 20), text.replace('"Own"', "[" * 100_000)):
        path.write_text(data)
        with pytest.raises(CodecError, match="cannot be read"):
            open_folder(own)


@pytest.mark.parametrize("name", ["\0.safetensors", "a\nb.safetensors", "x" * 5000 + ".safetensors"])
def test_names_of_weights_that_no_file_can_have_are_refused(own: Path, name: str) -> None:
    path = own / CONFIG_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "weights": name}))
    with pytest.raises(CodecError):
        open_folder(own)


def test_titles_are_one_line(model: Autoencoder, tmp_path: Path) -> None:
    pretrained.save_own(model, tmp_path / "m", title="a\x1b[31m\nb\ud800", linear=False, description="c\u2028d")
    path = tmp_path / "m" / CONFIG_NAME
    assert (open_folder(path.parent).title, open_folder(path.parent).description) == ("a [31m b ", "c d")
    path.write_text(json.dumps({**json.loads(path.read_text()), "title": "e\r\nf"}))
    assert open_folder(path.parent).title == "e  f"


@pytest.mark.parametrize("device", ["foo", "cuda:99", "meta", "cpu:x"])
def test_an_unavailable_device_is_reported(own: Path, device: str) -> None:
    with pytest.raises(CodecError, match="device"):
        Autoencoder.from_pretrained(own, device=device)


def test_names_that_no_folder_can_have_are_reported() -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(CodecError, match="there is no model"):
            Autoencoder.from_pretrained(name)


def test_the_checkpoint_type_may_be_the_second_argument(model: Autoencoder, tmp_path: Path) -> None:
    pretrained.save_official(model, tmp_path / "best", "best")
    loaded = Autoencoder.from_pretrained(tmp_path / "best", "best", scale_factor=33.0, mixed_precision=False)
    assert loaded.scale_factor == 33.0
