"""Folders of codecs that a stranger might send."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

from lincae_studio.codecs.lincae.public import official_names
from tests.hostile.archives import tensors
from tests.hostile.case import SECRET, Touch, case, swell

_FRONTEND = {"hop_size": 512, "n_fft_factor": 4, "alpha_rescale": 0.65, "beta_rescale": 0.34}
_GENERATOR = {"hop": 512, "base_channels": 8, "bottleneck_base_channels": 32, "cond_channels": 16}


def _config(**values: object) -> dict[str, object]:
    model = {**_GENERATOR, **values}
    return {
        "format": "lincae-studio-autoencoder",
        "version": 1,
        "title": "A",
        "linear": True,
        "scale_factor": 1.0,
        "weights_sha256": "0" * 64,
        "model": {"frontend": _FRONTEND, "generator": model, "diffusion": {}},
    }


def _codec(place: Path, config: object) -> Path:
    folder = place / "codec"
    folder.mkdir()
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    (folder / "model.safetensors").write_bytes(tensors({}))
    return folder


def _official(place: Path, weights: bytes, generator: str = json.dumps(_GENERATOR)) -> Path:
    folder = place / "official"
    folder.mkdir()
    texts = (json.dumps(_FRONTEND), generator, "{}")
    names = official_names()
    (folder / names[0]).write_bytes(weights)
    for name, text in zip(names[1:], texts, strict=True):
        (folder / name).write_text(text)
    return folder


def _state_dict(pickled: bytes, swollen: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        if swollen:
            swell(archive, "archive/data/0")
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


@case("codec")
def dimensions_without_bounds(place: Path) -> Path:
    return _codec(place, _config(base_channels=10**9, bottleneck_base_channels=10**9))


@case("codec")
def layers_without_bounds(place: Path) -> Path:
    return _codec(place, _config(layers_list=[10**6] * 5, num_bottleneck_layers=10**6))


@case("codec")
def a_configuration_nested_deeply(place: Path) -> Path:
    return _codec(place, "[" * 100_000)


@case("codec")
def a_configuration_without_an_end(place: Path) -> Path:
    folder = _codec(place, {})
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/dev/zero")
    return folder


@case("codec")
def weights_that_are_a_pipe(place: Path) -> Path:
    folder = _codec(place, _config())
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    return folder


@case("codec")
def weights_by_a_path(place: Path) -> Path:
    return _codec(place, {**_config(), "weights": f"../../{SECRET}"})


@case("codec")
def a_pickle_that_runs_code(place: Path) -> Path:
    return _official(place, _state_dict(pickle.dumps({"a": Touch(place / "touched")})))


@case("codec")
def a_pickle_that_asks_for_memory(place: Path) -> Path:
    # bytearray(2**31 - 1)
    return _official(place, _state_dict(b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R."))


@case("codec")
def a_record_of_zeros(place: Path) -> Path:
    return _official(place, _state_dict(pickle.dumps({}), swollen=True))


@case("codec")
def weights_of_the_old_format(place: Path) -> Path:
    return _official(place, pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(1001) + pickle.dumps(bytearray(10)) * 3)


@case("codec")
def yaml_that_multiplies(place: Path) -> Path:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    return _official(place, b"", "\n".join(lines) + "\n")


@case("codec")
def yaml_of_a_megabyte(place: Path) -> Path:
    return _official(place, b"", "x: [" + "1, " * 340_000 + "1]\n")


@case("codec")
def yaml_nested_deeply(place: Path) -> Path:
    return _official(place, b"", "x: " + "[" * 400_000 + "\n")


@case("codec")
def yaml_that_makes_objects(place: Path) -> Path:
    return _official(place, b"", f"x: !!python/object/apply:os.mkdir ['{place}/touched']\n")
