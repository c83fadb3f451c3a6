"""Families of codecs from packages that are installed beside the program. Any process and thread.

A package names its `FAMILY` under the entry-point group `lincae_studio.codecs`; nothing else is ever imported.
Exceptions of a family, and results of its codecs with a wrong shape or type or with NaN, become `CodecError`s that name
the package, and affect nothing else.
"""

from __future__ import annotations

import functools
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from lincae_studio import jobs
from lincae_studio.codecs.base import Array, Codec, CodecInfo
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import CodecFamily, Download, Entry, ImportOption, ModelFolder, OptionValue, Question
from lincae_studio.codecs.library import CODEC_ID
from lincae_studio.errors import Cancelled, CodecError, StudioError

GROUP = "lincae_studio.codecs"

_log = logging.getLogger(__name__)

AnyFamily = CodecFamily[Any]


@functools.cache
def found() -> tuple[tuple[PackagedFamily, ...], Mapping[str, CodecError]]:
    """The families of installed packages, and the errors of packages that have none, by package.

    They are looked for once in each process, which takes some 50 ms and what the packages themselves need.
    """
    import importlib.metadata

    families, errors = [], {}
    entry_points = importlib.metadata.entry_points(group=GROUP)
    for entry_point in sorted(entry_points, key=lambda one: (one.dist.name if one.dist else "", one.name)):
        distribution = entry_point.dist
        package = Package(distribution.name, distribution.version) if distribution else Package(entry_point.name, "")
        try:
            with package.guard("when it was loaded"):
                families.append(PackagedFamily(package, entry_point.load()))
        except CodecError as error:
            errors[str(package)] = error
    return tuple(families), errors


class Package(Struct, frozen=True):
    """An installed package, as `pip` knows it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()

    def error(self, problem: str) -> CodecError:
        command = shlex.join([sys.executable, "-m", "pip", "uninstall", self.name])
        return CodecError(f"the package {self} {problem}", f"Update it, or remove it with {command}")

    @contextmanager
    def guard(self, when: str) -> Iterator[None]:
        """Report what code of the package raises as its error; errors for the user pass as they are."""
        try:
            yield
        except StudioError:
            raise
        except (Exception, SystemExit) as error:
            _log.info("the package %s failed %s", self, when, exc_info=True)
            reason = " ".join(str(error).split()).rstrip(".")
            kind = type(error).__name__
            raise self.error(f"failed {when}: {kind}{f': {reason}' if reason else ''}") from error


class PackagedFamily(CodecFamily[ModelFolder]):
    """The family of a package; its methods raise `CodecError`s only."""

    def __init__(self, package: Package, family: object) -> None:
        """Raises `CodecError` if `family` is something else."""
        if not isinstance(family, CodecFamily):
            raise package.error(f"has {type(family).__name__} as its family instead of a CodecFamily")
        self._package = package
        self._family: AnyFamily = family
        self.name = str(family.name) or package.name
        self.package = str(package)
        self.packages = tuple(family.packages)
        self.downloads = _all(package, Download, family.downloads)
        for download in self.downloads:
            self._check_id(download.id)
        self.import_options = _all(package, ImportOption, family.import_options)
        self.contents = str(family.contents)

    def codecs(self, computation: Computation) -> Sequence[Entry]:
        with self._package.guard("when it was asked for its codecs"):
            entries = _all(self._package, Entry, self._family.codecs(computation))
            for entry in entries:
                self._check_info(entry.info)
                self._check_id(entry.info.id)
        return [Entry(entry.info, functools.partial(self._loaded, entry.info, entry.load)) for entry in entries]

    def clash(self, codec_id: str) -> CodecError:
        """The error for a codec whose id is that of another one."""
        return self._package.error(f"has a codec “{codec_id}”, but that id belongs to another codec, which is used")

    def recognises(self, names: frozenset[str], config: Mapping[str, Any]) -> bool:
        with self._package.guard("when it was shown a folder"):
            return bool(self._family.recognises(names, config))

    def open(self, path: Path) -> ModelFolder:
        with self._package.guard(f"when it opened {path}"):
            folder: ModelFolder = self._family.open(path)
        return _PackagedFolder(self._package, folder, path, self._check_info)

    def load(self, folder: ModelFolder, codec_id: str, computation: Computation) -> Codec:
        info = folder.info(codec_id, computation)
        return self._loaded(info, lambda: self._family.load(_own(folder), codec_id, computation))

    def check(self, folder: ModelFolder) -> None:
        with self._package.guard(f"when it checked {folder.path}"):
            self._family.check(_own(folder))

    def download_of(self, folder: ModelFolder) -> Download | None:
        with self._package.guard(f"when it opened {folder.path}"):
            return self._family.download_of(_own(folder))

    def question(self, folder: ModelFolder, codec_id: str) -> Question | None:
        with self._package.guard(f"when it opened {folder.path}"):
            return self._family.question(_own(folder), codec_id)

    def settings(
        self, folder: ModelFolder, codec_id: str, given: Mapping[str, OptionValue], title: str | None
    ) -> dict[str, Any]:
        with self._package.guard(f"when it imported {folder.path}"):
            return self._family.settings(_own(folder), codec_id, given, title)

    def install(
        self,
        folder: ModelFolder,
        target: Path,
        settings: Mapping[str, Any],
        progress: jobs.ReportProgress,
        cancel: jobs.CancelToken | None,
    ) -> None:
        with self._working(f"when it imported {folder.path}"):
            self._family.install(_own(folder), target, settings, progress, cancel)

    def complete(self, download: Download, target: Path, cancel: jobs.CancelToken | None) -> None:
        with self._working(f"when it installed {download.id}"):
            self._family.complete(download, target, cancel)

    def is_whole(self, path: Path, cancel: jobs.CancelToken | None) -> bool:
        with self._working(f"when it opened {path}"):
            return self._family.is_whole(path, cancel)

    def convert(
        self, source: Path, target: Path, to: str | None, given: Mapping[str, OptionValue], title: str | None
    ) -> str:
        with self._working(f"when it converted {source}"):
            return self._family.convert(source, target, to, given, title)

    @contextmanager
    def _working(self, when: str) -> Iterator[None]:
        """As `guard`, but a full disk and cancelling are not the package's fault."""
        passed: BaseException | None = None
        with self._package.guard(when):
            try:
                yield
            except (OSError, Cancelled) as error:
                passed = error
        if passed is not None:
            raise passed

    def _loaded(self, info: CodecInfo, load: Callable[[], Codec]) -> Codec:
        with self._package.guard(f"when it loaded {info.id}"):
            codec = load()
            own = codec.info
        self._check_info(own)
        if _geometry(own) != _geometry(info):
            raise self._package.error(f"has loaded a codec that differs from the info of {info.id}")
        return PackagedCodec(self._package, codec, own)

    def _check_id(self, codec_id: str) -> None:
        if not CODEC_ID.fullmatch(codec_id):
            raise self._package.error(f"has a codec “{codec_id}”, which is not a valid id")

    def _check_info(self, info: object) -> None:
        if not isinstance(info, CodecInfo):
            raise self._package.error(f"gave {type(info).__name__} as the info of a codec instead of a CodecInfo")
        problem = info_problem(info)
        if problem:
            raise self._package.error(f"has a codec “{info.id}” whose info is not valid: {problem}")


class _PackagedFolder:
    """A folder that a family of a package has opened."""

    def __init__(self, package: Package, folder: ModelFolder, path: Path, check_info: Callable[[object], None]) -> None:
        self.own, self.path = folder, path
        self._package, self._check_info = package, check_info

    @property
    def weights_files(self) -> Sequence[Path]:
        with self._package.guard(f"when it opened {self.path}"):
            return tuple(self.own.weights_files)

    def info(self, codec_id: str, computation: Computation) -> CodecInfo:
        with self._package.guard(f"when it described {self.path}"):
            info = self.own.info(codec_id, computation)
        self._check_info(info)
        if info.id != codec_id:
            raise self._package.error(f"described {self.path} as the codec “{info.id}” instead of “{codec_id}”")
        return info

    def details(self) -> Mapping[str, object]:
        with self._package.guard(f"when it described {self.path}"):
            return self.own.details()


class PackagedCodec:
    """A codec of a package, whose results are checked."""

    def __init__(self, package: Package, codec: Codec, info: CodecInfo) -> None:
        self._package, self._codec, self._info = package, codec, info

    @property
    def info(self) -> CodecInfo:
        return self._info

    @property
    def batch(self) -> int:
        with self._package.guard(f"when {self._info.id} was used"):
            return max(1, int(self._codec.batch))

    def encode(self, audio: Array) -> Array:
        frames = (audio.shape[1] - self._info.window_extra) // self._info.hop
        with self._package.guard(f"when {self._info.id} encoded"):
            latents = self._codec.encode(audio)
        return self._checked(latents, "encoding", (len(audio), self._info.dim, frames))

    def decode(self, latents: Array, *, first_frames: Sequence[int], seed: int) -> Array:
        samples = self._info.window_samples(latents.shape[2])
        with self._package.guard(f"when {self._info.id} decoded"):
            audio = self._codec.decode(latents, first_frames=first_frames, seed=seed)
        return self._checked(audio, "decoding", (len(latents), samples))

    def silence(self, frames: int) -> Array:
        with self._package.guard(f"when {self._info.id} was asked for silence"):
            silence = self._codec.silence(frames)
        return self._checked(silence, "silence", (self._info.dim, frames))

    def _checked(self, values: object, what: str, shape: tuple[int, ...]) -> Array:
        problem = ""
        if not isinstance(values, np.ndarray):
            problem = f"{type(values).__name__} instead of an array"
        elif values.shape != shape:
            problem = f"the shape {values.shape} instead of {shape}"
        elif values.dtype != np.float32:
            problem = f"{values.dtype} instead of float32"
        elif not np.isfinite(values).all():
            problem = "NaN or infinite values"
        else:
            return values
        raise self._package.error(f"failed: {what} by {self._info.id} gave {problem}")


def info_problem(info: CodecInfo) -> str:
    """The problem with the info of a codec; empty if it is valid."""
    try:
        plain: Any = msgspec.to_builtins(info)
        checked = msgspec.convert(plain, CodecInfo)
    except msgspec.ValidationError as error:
        return str(error)
    positive = (info.sample_rate, info.hop, info.dim, info.chunk_frames, info.overlap_frames)
    if min(positive) < 1 or min(info.window_extra, info.context) < 0:
        return "a number is too small"
    least = info.overlap_frames * info.hop + info.window_extra - 2 * info.margin
    if least < 0 or info.chunk_frames < 2 * info.overlap_frames:
        return "its chunks overlap too little to leave out the ends of windows, or by more than half"
    return "" if checked.identity else "it has no identity"


def _geometry(info: CodecInfo) -> tuple[object, ...]:
    lengths = info.sample_rate, info.any_rate, info.hop, info.dim, info.window_extra, info.context
    return info.id, *lengths, info.stochastic


def _own(folder: ModelFolder) -> Any:
    """The family's own object."""
    assert isinstance(folder, _PackagedFolder)
    return folder.own


def _all(package: Package, kind: type[Any], items: Sequence[Any]) -> tuple[Any, ...]:
    for item in items:
        if not isinstance(item, kind):
            raise package.error(f"gave {type(item).__name__} instead of {kind.__name__}")
    return tuple(items)
