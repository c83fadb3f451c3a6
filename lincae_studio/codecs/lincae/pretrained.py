"""Loading, saving and converting weights: public checkpoints, official folders, and the studio's format."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
import yaml
from torch import Tensor

from lincae_studio import atomic, bounded
from lincae_studio.codecs import library
from lincae_studio.codecs.device import checked_device
from lincae_studio.codecs.folders import file_sha256
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae import checkpoint
from lincae_studio.codecs.lincae.arguments import is_finite
from lincae_studio.codecs.lincae.folder import (
    WEIGHTS_NAME,
    ModelFolder,
    checked_scale_factor,
    describe,
    open_folder,
)
from lincae_studio.codecs.lincae.model import ConsistencyAutoencoder
from lincae_studio.codecs.lincae.public import (
    LAST,
    PARTS,
    PUBLIC_MODELS,
    download,
    official_names,
    public_id,
)
from lincae_studio.codecs.lincae.state import drop_duplicates
from lincae_studio.errors import CodecError, os_error_reason

FORMATS = ("safetensors", "official")

#: Largest number of bytes that a weight takes in any of the types, and what names and layout take in all.
_MAX_WEIGHT_BYTES, _MAX_LAYOUT_BYTES = 8, 16 << 20

#: Data types allowed for weights.
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

AnyAutoencoder = TypeVar("AnyAutoencoder", bound=ConsistencyAutoencoder)


def load_pretrained(
    kind: type[AnyAutoencoder],
    model_id: str | PathLike[str],
    ckpt_type: str,
    revision: str | None,
    device: str | torch.device | None,
    scale_factor: float | None,
    **options: Any,
) -> AnyAutoencoder:
    """See `Autoencoder.from_pretrained`; `options` are those of the class."""
    place = checked_device("cpu" if device is None else device)
    name = str(model_id)
    path = Path(model_id)
    default_scale = None
    public = public_id(name)
    if public is not None:
        default_scale = PUBLIC_MODELS[public].scale_factor
        installed = library.codec_folder(public) if ckpt_type == LAST and revision is None else None
        path = installed or download(public, ckpt_type, revision)
    elif not os.path.isdir(path):
        ids = ", ".join(sorted(PUBLIC_MODELS))
        raise CodecError(f"there is no model “{name}”", f"Choose one of {ids}, or an existing folder")
    folder = open_folder(path, ckpt_type)
    model = open_model(
        kind,
        folder,
        scale_factor=_scale_factor(folder, scale_factor, default_scale),
        name=name,
        **options,
    )
    return model.to(place)


def open_model(kind: type[AnyAutoencoder], folder: ModelFolder, **options: Any) -> AnyAutoencoder:
    """The model of a folder, on the CPU.

    Memory is allocated only if the weights fit the configuration, which may specify any size.

    Args:
        options: options of `Autoencoder`.

    Raises:
        CodecError: when the weights are damaged or do not fit, or an option is out of range.
    """
    parts = (folder.config.frontend, folder.config.generator, folder.config.diffusion)
    with torch.device("meta"):
        expected = kind(*parts, **options).state_dict()
    state = read_weights(folder, sum(value.numel() for value in expected.values()))
    check_weights(state, expected, str(folder.path))
    model = kind(*parts, **options)
    model.load_state_dict(state)
    return model


def convert(
    source: Path,
    target: Path,
    to: str | None = None,
    *,
    scale_factor: float | None = None,
    linear: bool | None = None,
    title: str | None = None,
    ckpt_type: str = LAST,
) -> str:
    """Convert a model folder to the other format, or to the format `to`. Returns the format written.

    The official format stores no title, linearity or scale factor.

    Args:
        target: a new or empty folder; unchanged after an error.
        to: `safetensors` (the studio's format) or `official`.
        scale_factor: required for the studio's format if the source is official, without a scale factor.
        linear: whether the model was trained to be linear, for the studio's format; default: as the source, or False.
        title: for the studio's format; default: as the source.

    Raises:
        CodecError: when the source is not a model, its weights do not fit, the target exists or cannot be written, and
            for options that the format cannot store.
    """
    if to is not None and to not in FORMATS:
        raise CodecError(f"there is no format “{to}”", f"Choose one of {', '.join(FORMATS)}")
    folder = open_folder(source, ckpt_type)
    to = to or ("official" if os.path.isfile(source / CONFIG_NAME) else "safetensors")
    if to == "official":
        given = {"scale factor": scale_factor, "linear": linear, "title": title}
        lost = [name for name, value in given.items() if value is not None]
        if lost:
            raise CodecError(
                f"the official format cannot store: {', '.join(lost)}",
                "Leave it out; pass the scale factor when loading the model",
            )
        scale = 1.0
    else:
        scale = _scale_factor(folder, scale_factor)
    try:
        with _new_folder(target) as staging:
            model = open_model(ConsistencyAutoencoder, folder, scale_factor=scale, name=str(source))
            if to == "official":
                save_official(model, staging, ckpt_type)
            else:
                trained = bool(folder.linear if linear is None else linear)
                title = folder.title if title is None else title
                save_own(model, staging, title=title, linear=trained, description=folder.description)
    except OSError as error:
        reason, remedy = os_error_reason(error, target)
        raise CodecError(f"{target} cannot be written: {reason}", remedy) from error
    return to


def check_folder(source: Path, ckpt_type: str = LAST) -> None:
    """Check that a model loads. Raises `CodecError` when it is not a model, or its weights do not fit."""
    open_model(ConsistencyAutoencoder, open_folder(source, ckpt_type), name=str(source))


def _scale_factor(folder: ModelFolder, *chosen: float | None) -> float:
    """The first scale factor given of `chosen[0]`, the folder's own and the others."""
    first, *others = chosen
    for scale in (first, folder.scale_factor, *others):
        if scale is not None:
            return checked_scale_factor(scale)
    problem = f"{folder.path} does not specify a scale factor"
    raise CodecError(problem, "Pass scale_factor; the public models have 15, 33 and 40")


@contextlib.contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, whose files are in `target` afterwards; after an error `target` is as before."""
    made = not os.path.lexists(target)
    atomic.sweep(target)  # of an attempt that was killed
    if not made and (not os.path.isdir(target) or os.listdir(target)):
        raise CodecError(f"{target} exists and is not an empty folder", "Choose a new folder")
    # Inside the target, which may be the only writable folder, or on another disk.
    staging = target / f".{uuid.uuid4().hex}.part"
    try:
        staging.mkdir(parents=True)
        with atomic.held(staging):
            yield staging
            for name in os.listdir(staging):
                os.replace(staging / name, target / name)
            staging.rmdir()
    except BaseException:
        shutil.rmtree(target if made else staging, ignore_errors=True)
        raise


def save_own(model: ConsistencyAutoencoder, folder: Path, *, title: str, linear: bool, description: str = "") -> None:
    """Write the studio's format: safetensors and one JSON file. Raises `OSError`."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(folder / WEIGHTS_NAME, save(_portable_state(model)))
    describe(
        folder,
        model.config,
        weights_sha256=file_sha256(folder / WEIGHTS_NAME),
        scale_factor=model.scale_factor,
        title=title,
        description=description,
        linear=linear,
    )


def save_official(model: ConsistencyAutoencoder, folder: Path, ckpt_type: str = LAST) -> None:
    """Write the four files that the reference package reads, without a scale factor. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = official_names(ckpt_type)
    with atomic.replacing(folder / names[0]) as temporary:
        torch.save(_portable_state(model), temporary)
    for name, part in zip(names[1:], PARTS, strict=True):
        options = msgspec.to_builtins(getattr(model.config, part))
        atomic.write_bytes(folder / name, yaml.safe_dump(options, sort_keys=False).encode())


def check_weights(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Compare weights with a model's state dict, which may be one of the device `meta`.

    Raises:
        CodecError: naming keys that are unknown or missing, shapes that differ, and weights that are not finite real
            numbers, each stored in full.
    """
    problems = [f"{key} is unknown" for key in state if key not in expected]
    problems += [f"{key} is missing" for key in expected if key not in state]
    known = {key: value for key, value in state.items() if key in expected}
    misfits = {key: why for key, value in known.items() if (why := _misfit(key, value, expected[key]))}
    problems += misfits.values()
    # A small file can contain a tensor of any shape, so values are checked only if all are stored.
    fitting = {key: value for key, value in known.items() if key not in misfits}
    stored = {value.untyped_storage().data_ptr(): value.untyped_storage().nbytes() for value in fitting.values()}
    if sum(value.numel() * value.element_size() for value in fitting.values()) > sum(stored.values()):
        problems.append("weights share their memory")
    else:
        problems += [f"{key} is not finite" for key, value in fitting.items() if not is_finite(value.float())]
    if problems:
        more = f", and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CodecError(
            f"the weights in {source} do not fit its configuration: {'; '.join(problems[:5])}{more}",
            "Check that weights and configuration belong together",
        )


def _misfit(key: str, value: Tensor, expected: Tensor) -> str | None:
    """Why a tensor does not fit, apart from its values."""
    if value.shape != expected.shape:
        return f"{key} is {tuple(value.shape)} instead of {tuple(expected.shape)}"
    if value.layout is not torch.strided or value.device.type != "cpu":
        return f"{key} is not an ordinary tensor"
    if value.dtype not in _FLOATS:
        return f"{key} has the type {str(value.dtype).removeprefix('torch.')}"
    return None


def read_weights(folder: ModelFolder, count: int) -> dict[str, Tensor]:
    """The state dict of a folder, whose configuration has `count` weights: memory is taken for as many at most.

    Raises:
        CodecError: when the file is damaged, contains more than weights, or does not match its description.
    """
    limit = count * _MAX_WEIGHT_BYTES + _MAX_LAYOUT_BYTES
    try:
        size = atomic.check_ordinary(folder.weights).st_size
        if size > limit:
            raise CodecError(
                f"the weights in {folder.weights} do not fit its configuration: the file has {size:,} bytes, but "
                f"{count:,} weights take {limit:,} at most",
                "Check that weights and configuration belong together",
            )
        if folder.weights_sha256 is not None and file_sha256(folder.weights) != folder.weights_sha256:
            raise CodecError(
                f"{folder.weights} is damaged: its checksum is not the one in {CONFIG_NAME}",
                "Download or export it again",
            )
        state = (
            _read_safetensors(folder.weights)
            if folder.weights.suffix == ".safetensors"
            else _read_checkpoint(folder.weights, limit)
        )
    except OSError as error:
        reason, remedy = os_error_reason(error, folder.weights)
        raise CodecError(f"{folder.weights} cannot be read: {reason}", remedy) from error
    drop_duplicates(state)
    return state


def _portable_state(model: ConsistencyAutoencoder) -> dict[str, Tensor]:
    """Weights as other programs expect them: on the CPU, rows first."""
    return {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    remedy = "Download or export it again"
    with bounded.open_regular(path) as file:
        header_bytes = int.from_bytes(file.read(8), "little")
    if header_bytes > _MAX_LAYOUT_BYTES:
        raise CodecError(f"{path} is damaged: its header is too large", remedy)
    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        raise CodecError(f"{path} is damaged: {error}", remedy) from error


def _read_checkpoint(path: Path, limit_bytes: int) -> dict[str, Tensor]:
    try:
        return checkpoint.read_state(path, limit_bytes)
    except checkpoint.RefusedError as error:
        raise CodecError(
            f"{path} is damaged, or contains more than weights and is refused: {error}",
            "Download it again from its source",
        ) from error
