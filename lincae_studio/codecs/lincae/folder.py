"""Model folders, as far as they can be read without torch: their files, configuration and codec info.

The studio's format is `config.json` and one file of weights (`model.safetensors`; a folder downloaded from the hub
keeps its `.pth`). An official folder contains the four files of the public checkpoints, or those that the reference's
trainer writes. Untrusted files never run code.
"""

from __future__ import annotations

import hashlib
import math
import numbers
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from lincae_studio import atomic, bounded
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.folders import MAX_CONFIG_BYTES, one_line
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae.config import ModelConfig, parse_config
from lincae_studio.codecs.lincae.public import DEFAULT_RATE, LAST, PUBLIC_MODELS, official_names, trainer_names
from lincae_studio.errors import CodecError, os_error_reason

if TYPE_CHECKING:
    import yaml

WEIGHTS_NAME = "model.safetensors"
FORMAT = "lincae-studio-autoencoder"
FORMAT_VERSION = 1

#: Part of every identity: increased when equal weights and input give a different result (frontend, noise field).
ARITHMETIC_VERSION = 1

#: Step from one chunk to the next, in seconds: see `bench chunks`.
_STEP_S = 2.0
#: Minimum length of the crossfade between chunks, in seconds. Not short, as a chunk's last frames lack what follows.
_FADE_S = 0.1

#: Limit for YAML, which takes a few kilobytes; it is slow to read where libyaml is missing.
_MAX_YAML_BYTES = 1 << 14

#: Deepest nesting of YAML: a table of options, some of which are lists.
_MAX_DEPTH = 2


class _SavedConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.json`."""

    format: str
    version: int
    title: str
    description: str = ""
    linear: bool
    scale_factor: float
    weights: str = WEIGHTS_NAME
    weights_sha256: str
    model: ModelConfig


class ModelFolder(Struct, frozen=True):
    """A folder that contains a model.

    Attributes:
        weights: the file of weights: `.safetensors`, or a `.pth` state dict.
        scale_factor: of the latents; None if unspecified, as in official folders.
        weights_sha256: expected checksum of the weights; None if unspecified.
        linear: whether the model was trained to be linear; None if unspecified.
    """

    path: Path
    config: ModelConfig
    weights: Path
    title: str
    description: str = ""
    scale_factor: float | None = None
    weights_sha256: str | None = None
    linear: bool | None = None

    @property
    def weights_files(self) -> tuple[Path, ...]:
        return (self.weights,)

    def details(self) -> dict[str, object]:
        """Entries that only models of this family have."""
        return {"scale_factor": self.scale_factor, "weights_sha256": self.weights_sha256}

    @property
    def sample_rate(self) -> int:
        """In Hz; 44.1 kHz for the public configurations, which do not specify it."""
        return self.config.frontend.sample_rate or DEFAULT_RATE

    def info(self, codec_id: str, computation: Computation) -> CodecInfo:
        """The codec info of the model.

        Raises:
            CodecError: when the folder does not specify its scale factor or the checksum of its weights.
        """
        if self.scale_factor is None or self.weights_sha256 is None:
            raise CodecError(
                f"{self.path} is an official folder, which does not specify a scale factor",
                "Import it: lincae-studio codecs import FOLDER --scale-factor NUMBER",
            )
        generator, frontend = self.config.generator, self.config.frontend
        hop = frontend.hop_size * generator.time_factor
        window_extra = frontend.hop_size * (frontend.n_fft_factor - 1)
        overlap = math.ceil((window_extra + _FADE_S * self.sample_rate) / hop)
        step = max(overlap, round(_STEP_S * self.sample_rate / hop))
        precision, arithmetic = computation.precision, computation.arithmetic
        common = (ARITHMETIC_VERSION, self.weights_sha256, self.config, self.scale_factor)
        # By default the encoder computes in 32 bits. TF32 counts as such, so that bundles of a GPU fit everywhere: it
        # rounds less than the float16 of a bundle does.
        encoder = ("encoder", "fp32" if precision == "auto" else precision)
        # Identities of before the kind of device was part of them stay valid on the CPU.
        decoder = (("decoder", arithmetic), *(() if computation.device_kind == "cpu" else (computation.device_kind,)))
        summary = computation.summary
        if arithmetic == "fp32" and computation.tiles:
            decoder = (*decoder, ("tiles", computation.tiles), *(("kernels",) if computation.kernels else ()))
            summary += " by compiled tiles" if computation.kernels else " by tiles"
        if arithmetic == "bf16" and computation.kernels:
            decoder = (*decoder, "kernels")
        requested = f"requested {_digest(*common, computation.device, precision)}"
        return CodecInfo(
            id=codec_id,
            title=self.title,
            description=self.description or f"Autoencoder in {self.path.name}",
            # The resolved device and precision change the output, so they are part of the identity.
            identity=requested if arithmetic is None else _digest(*common, encoder, *decoder),
            requested=requested,
            latents=_digest(*common, encoder),
            space=_digest(self.weights_sha256, "space"),
            arithmetic=f"{summary}, version {ARITHMETIC_VERSION}" if arithmetic else "",
            sample_rate=self.sample_rate,
            hop=hop,
            dim=generator.bottleneck_channels,
            window_extra=window_extra,
            chunk_frames=step + overlap,
            overlap_frames=overlap,
            linearity="trained" if self.linear else "none",
            stochastic=True,
        )


def _digest(*parts: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()


def checked_scale_factor(value: object) -> float:
    """The value as a float.

    Raises:
        CodecError: when it is not a finite number above zero.
    """
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number) and number > 0.0:
            return number
    raise CodecError(
        f"the scale factor “{value}” is not a positive number", "Pass another one; the public models have 15, 33 and 40"
    )


def open_folder(folder: Path, ckpt_type: str = LAST) -> ModelFolder:
    """Read a folder, except for its weights.

    Raises:
        CodecError: naming what is missing or damaged.
    """
    try:
        return _open(folder, ckpt_type)
    except OSError as error:
        reason, remedy = os_error_reason(error, folder)
        raise CodecError(f"{error.filename or folder} cannot be read: {reason}", remedy) from error


def _open(folder: Path, ckpt_type: str) -> ModelFolder:
    if os.path.isfile(folder / CONFIG_NAME):
        return _open_own(folder)
    names = official_names(ckpt_type)
    missing = [name for name in names if not os.path.isfile(folder / name)]
    if missing and ckpt_type == LAST and all(os.path.isfile(folder / name) for name in trainer_names()):
        names, missing = trainer_names(), []
    if missing:
        raise CodecError(
            f"{folder} is not a model: {', '.join(missing)} missing",
            f"It must contain {', '.join(names)}, or {CONFIG_NAME} and {WEIGHTS_NAME}",
        )
    frontend, generator, diffusion = (_read_yaml(folder / name) for name in names[1:])
    config = parse_config(frontend, generator, diffusion, str(folder))
    return ModelFolder(folder, config, folder / names[0], title=one_line(folder.name))


def describe(
    folder: Path,
    config: ModelConfig,
    *,
    weights: str = WEIGHTS_NAME,
    weights_sha256: str,
    scale_factor: float,
    title: str,
    description: str = "",
    linear: bool,
) -> None:
    """Write `config.json` next to existing weights.

    Raises:
        CodecError: when the scale factor is not a positive number.
        OSError: when it cannot be written.
    """
    saved = _SavedConfig(
        format=FORMAT,
        version=FORMAT_VERSION,
        title=one_line(title),
        description=one_line(description),
        linear=linear,
        scale_factor=checked_scale_factor(scale_factor),
        weights=weights,
        weights_sha256=weights_sha256,
        model=config,
    )
    atomic.write_bytes(folder / CONFIG_NAME, msgspec.json.format(msgspec.json.encode(saved), indent=2))


def public_description(model_id: str) -> dict[str, Any]:
    """The arguments of `describe` for a public model."""
    public = PUBLIC_MODELS[model_id]
    return {
        "scale_factor": public.scale_factor,
        "title": public.title,
        "description": public.description,
        "linear": public.linear,
    }


def _open_own(folder: Path) -> ModelFolder:
    path = folder / CONFIG_NAME
    try:
        data = bounded.read(path, MAX_CONFIG_BYTES)
        head = msgspec.json.decode(data, type=_Head)
        if head.format != FORMAT or head.version != FORMAT_VERSION:
            raise CodecError(f"{path} has another format or version", "Update LinCAE Studio")
        saved = msgspec.json.decode(data, type=_SavedConfig)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CodecError(f"{path} cannot be read: {error}", "Export or download the model again") from error
    name = saved.weights
    if name != Path(name).name or Path(name).suffix not in (".safetensors", ".pth") or not name.isprintable():
        raise CodecError(f"{path} names weights that are not in its folder", "Export or download the model again")
    try:
        scale_factor = checked_scale_factor(saved.scale_factor)
    except CodecError as error:
        raise CodecError(f"{path}: {error.problem}", "Export or download the model again") from error
    weights = folder / name
    if not os.path.isfile(weights):
        raise CodecError(f"{folder} is not a model: {name} missing", "Export or download the model again")
    config = parse_config(saved.model.frontend, saved.model.generator, saved.model.diffusion, str(folder))
    return ModelFolder(
        folder,
        config,
        weights,
        title=one_line(saved.title),
        description=one_line(saved.description),
        scale_factor=scale_factor,
        weights_sha256=saved.weights_sha256,
        linear=saved.linear,
    )


class _Head(Struct, frozen=True):
    """The fields common to all versions of `config.json`."""

    format: str
    version: int


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml  # only for official folders: it would delay the window's start

    # Parsed by libyaml if PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = bounded.read(path, _MAX_YAML_BYTES).decode("utf-8")
        _check_events(yaml.parse(text, Loader=loader))
        options = yaml.load(text, Loader=loader)
    except OSError:
        raise
    except Exception as error:  # besides its own errors, the parser raises any that converting odd scalars causes
        raise CodecError(f"{path} cannot be read: {' '.join(str(error).split())}", "Download it again") from error
    if not isinstance(options, dict):
        raise CodecError(f"{path} is not a table of options", "Download it again")
    return options


def _check_events(events: Iterable[yaml.Event]) -> None:
    """Refuse aliases and deep nesting, with which a few bytes can become huge. Raises `ValueError`."""
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it contains aliases")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
