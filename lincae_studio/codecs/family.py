"""The base of families of codecs: codecs without a folder, model folders of one kind, downloads, options for importing.

Only the registry knows the families. All methods are cheap and load no torch, except where stated: the window's process
calls them on the main thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from lincae_studio import jobs
from lincae_studio.codecs.base import Codec, CodecInfo, Linearity
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.folders import one_line
from lincae_studio.errors import CodecError

#: Where the hub shows its repositories.
HUB_URL = "https://huggingface.co"

OptionValue = float | bool | str


class Entry(Struct, frozen=True):
    """A codec's info, and the function that loads it."""

    info: CodecInfo
    load: Callable[[], Codec]


class Download(Struct, frozen=True, kw_only=True):
    """A codec that can be downloaded from the Hugging Face hub and installed.

    Attributes:
        id: id of the installed codec, and name of the download.
        description: one sentence for lists and tooltips, without a final full stop.
        repository: `owner/name` on the hub.
        subfolder: folder of the files there; empty for the top.
        files: their paths in it; installed under the same paths.
        revision: branch, tag or commit; None for the newest.
        bytes: approximate size of the files.
        licence: name of the licence; empty where only the repository's page states it.
        licence_url: page with its text.
        accept: whether the user must accept the licence before the download.
        gated: whether the hub sends the files only to accounts that have accepted the licence there: needs a token.
        sample_rate, hop, dim, linearity: as in `CodecInfo`, for lists.
    """

    id: str
    title: str
    description: str
    repository: str
    files: tuple[str, ...]
    bytes: int
    sample_rate: int
    hop: int
    dim: int
    linearity: Linearity
    subfolder: str = ""
    revision: str | None = None
    licence: str = ""
    licence_url: str = ""
    accept: bool = False
    gated: bool = False

    @property
    def compression(self) -> float:
        """Samples per latent value."""
        return self.hop / self.dim

    @property
    def mebibytes(self) -> int:
        """Approximate size in MiB."""
        return round(self.bytes / 2**20)

    @property
    def page(self) -> str:
        """The repository's page on the hub."""
        return f"{HUB_URL}/{self.repository}"

    @property
    def terms(self) -> str:
        """The licence, and where to read it."""
        return f"{self.licence or 'Set by the publisher'}; see {self.licence_url or self.page}"

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the files in the repository."""
        return tuple(str(PurePosixPath(self.subfolder, name)) for name in self.files)


class ImportOption(Struct, frozen=True, kw_only=True):
    """A setting that a model folder may lack. The command line and the window's dialog are built from it.

    Attributes:
        name: key of its value, in lower case with `_`; `--scale-factor` on the command line is `scale_factor`.
        title: label in the dialog.
        help: for the command line and the tooltip, without a final full stop.
        kind: number (float), flag (bool) or text (str).
        suggestion: what the dialog proposes.
        lowest, highest, decimals: range and precision of a number in the dialog.
    """

    name: str
    title: str
    help: str
    kind: Literal["number", "flag", "text"]
    suggestion: OptionValue
    lowest: float = -math.inf
    highest: float = math.inf
    decimals: int = 2


class Question(Struct, frozen=True):
    """The question of an import: a sentence that says what the folder lacks, and the options that provide it."""

    text: str
    options: tuple[ImportOption, ...]


class ModelFolder(Protocol):
    """A folder that contains a model, read except for its weights."""

    @property
    def path(self) -> Path: ...

    @property
    def weights_files(self) -> Sequence[Path]:
        """The files of weights, for their size."""
        ...

    def info(self, codec_id: str, computation: Computation) -> CodecInfo:
        """The info of the codec, under an id. Raises `CodecError` if the folder lacks what it needs."""
        ...

    def details(self) -> Mapping[str, object]:
        """Further entries of `codecs show`: names with `_`, values that JSON supports."""
        ...


AnyFolder = TypeVar("AnyFolder", bound=ModelFolder)


class CodecFamily(Generic[AnyFolder]):
    """Base of all families; each overrides the methods that it supports.

    A family registers by an instance named `FAMILY`: ours by a line in `registry.py`, that of a package by an entry
    point. Methods that read a folder may raise `OSError`, `ValueError`, `ArithmeticError` and `RecursionError` besides
    `CodecError`: the registry reports them as errors of the folder.

    Attributes:
        name: for lists and messages.
        package: name and version of the package that it comes from; empty for ours. The registry sets it.
        packages: packages that loading needs besides the program's own, such as torch; the window does not load them.
        downloads: codecs that can be downloaded and installed.
        import_options: settings that importing a folder of this family may need.
        contents: files of its folders, in words, for the message that a folder is not a model; empty if it has none.
    """

    name: str = ""
    package: str = ""
    packages: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()
    import_options: tuple[ImportOption, ...] = ()
    contents: str = ""

    def codecs(self, computation: Computation) -> Sequence[Entry]:
        """The codecs that need no folder. Their ids and geometry must not depend on `computation`.

        To load one whose `identity` is provisional, this is called with the resolved computation.
        """
        return ()

    def recognises(self, names: frozenset[str], config: Mapping[str, Any]) -> bool:
        """Whether a folder is of this family, by the names of its files and the content of its `config.json`.

        `config` is empty if there is none or it is not a JSON object.
        """
        return False

    def open(self, path: Path) -> AnyFolder:
        """Read a folder except for its weights. Raises `CodecError` naming the file that is missing or damaged."""
        raise NotImplementedError

    def load(self, folder: AnyFolder, codec_id: str, computation: Computation) -> Codec:
        """Load the codec in a folder. Raises `CodecError` when its weights are damaged. May load torch.

        `computation` is resolved if the folder's info would otherwise be provisional.
        """
        raise NotImplementedError

    # Installing

    def check(self, folder: AnyFolder) -> None:
        """Check that the weights fit, before an import. Raises `CodecError`. May load torch: not in the window."""

    def download_of(self, folder: AnyFolder) -> Download | None:
        """The download that a folder contains, if that can be recognised; its id is used for the import."""
        return None

    def question(self, folder: AnyFolder, codec_id: str) -> Question | None:
        """The question to ask before a folder is imported under an id; None if nothing is missing."""
        return None

    def settings(
        self, folder: AnyFolder, codec_id: str, given: Mapping[str, OptionValue], title: str | None
    ) -> dict[str, Any]:
        """The settings for `install`, from the given options and title, the folder, and known models.

        Raises:
            CodecError: when an option is missing or not valid.
        """
        return {**given, "title": title or one_line(folder.path.name)}

    def install(
        self,
        folder: AnyFolder,
        target: Path,
        settings: Mapping[str, Any],
        progress: jobs.ReportProgress,
        cancel: jobs.CancelToken | None,
    ) -> None:
        """Copy a folder to `target`, an empty folder, with a `config.json`; `settings` are those of `settings`.

        Raises:
            CodecError: when the folder is damaged.
            Cancelled: after `cancel` was set.
            OSError: when `target` cannot be written.
        """
        raise NotImplementedError

    def complete(self, download: Download, target: Path, cancel: jobs.CancelToken | None) -> None:
        """Turn the files of a download in `target` into a folder that can be opened, for instance by a `config.json`.

        It may run again on the same files, after an attempt that was interrupted. Raises as `install`.
        """

    def is_whole(self, path: Path, cancel: jobs.CancelToken | None) -> bool:
        """Whether an installed download is undamaged; otherwise it is downloaded again."""
        return True

    def convert(
        self,
        source: Path,
        target: Path,
        to: str | None,
        given: Mapping[str, OptionValue],
        title: str | None,
    ) -> str:
        """Convert a folder to another format of the family. Returns the format written. May load torch.

        Raises:
            CodecError: when it cannot be converted, or `target` exists or cannot be written.
        """
        raise CodecError(f"{source} cannot be converted: the family {self.name} has one format", "Import it as it is")
