"""Checkpoints: both formats, and files that must be refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import yaml

from lincae_studio.codecs.lincae import pretrained
from lincae_studio.codecs.lincae.autoencoder import Autoencoder
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
    pretrained.save_own(model, tmp_path / "own")
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
    with pytest.raises(CodecError, match=r"m2l, lin-cae, lin-cae-2"):
        Autoencoder.from_pretrained("lin-cae-3")


@pytest.mark.parametrize("name", pretrained.official_names("last"))
def test_a_missing_file_is_named(official: Path, name: str) -> None:
    (official / name).unlink()
    with pytest.raises(CodecError, match=name.replace(".", r"\.")):
        Autoencoder.from_pretrained(official, scale_factor=1.0)


def test_an_unreachable_hub_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def refuse(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("cannot reach the hub")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(CodecError, match="load their folder"):
        Autoencoder.from_pretrained("lin-cae")


def test_weights_that_do_not_fit_are_named(official: Path) -> None:
    path = official / pretrained.official_names("last")[0]
    state = torch.load(path, weights_only=True)
    state["generator.surprise"] = torch.zeros(3)
    state["generator.conv_inp.bias"] = torch.zeros(1)
    del state["generator.norm_out.weight"]
    torch.save(state, path)
    with pytest.raises(CodecError) as caught:
        Autoencoder.from_pretrained(official, scale_factor=1.0)
    for words in (
        "generator.surprise is unknown",
        "generator.norm_out.weight is missing",
        "generator.conv_inp.bias is",
    ):
        assert words in str(caught.value)


class _RunsCode:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.marker,))


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(official: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    weights = official / pretrained.official_names("last")[0]
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
    for folder, name in ((official, pretrained.official_names("last")[0]), (own, pretrained.WEIGHTS_NAME)):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])
        with pytest.raises(CodecError):
            Autoencoder.from_pretrained(folder, scale_factor=1.0)


def test_options_of_a_folder_are_checked(official: Path) -> None:
    path = official / "generator_kwargs_last.yaml"
    options = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**options, "extra_option": 1}))
    with pytest.raises(CodecError, match="extra_option"):
        Autoencoder.from_pretrained(official, scale_factor=1.0)
