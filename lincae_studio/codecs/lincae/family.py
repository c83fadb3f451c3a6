"""The family of Music2Latent-type models: Lin-CAE and those trained here. Loads torch only with a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lincae_studio import jobs
from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import CodecFamily, Download, OptionValue, Question
from lincae_studio.codecs.lincae import install
from lincae_studio.codecs.lincae.folder import FORMAT, WEIGHTS_NAME, ModelFolder, open_folder
from lincae_studio.codecs.lincae.public import DOWNLOADS, official_names, trainer_names
from lincae_studio.codecs.packages import require


class LinCaeFamily(CodecFamily[ModelFolder]):
    """Folders in the studio's format (`config.json`), and official ones."""

    name = "lincae"
    packages = ("torch",)
    downloads = DOWNLOADS
    import_options = (install.SCALE_FACTOR, install.LINEAR)
    contents = f"{', '.join(official_names())}, or config.json and {WEIGHTS_NAME}"

    def recognises(self, names: frozenset[str], config: Mapping[str, Any]) -> bool:
        if config:
            return config.get("format") == FORMAT
        return not names.isdisjoint((*official_names(), *trainer_names()))

    def open(self, path: Path) -> ModelFolder:
        return open_folder(path)

    def load(self, folder: ModelFolder, codec_id: str, computation: Computation) -> Codec:
        from lincae_studio.codecs.lincae.codec import load_codec

        return load_codec(folder, codec_id, computation)

    def check(self, folder: ModelFolder) -> None:
        from lincae_studio.codecs.lincae.pretrained import check_folder

        check_folder(folder.path)

    def download_of(self, folder: ModelFolder) -> Download | None:
        return install.download_of(folder)

    def question(self, folder: ModelFolder, codec_id: str) -> Question | None:
        return install.question(folder, codec_id)

    def settings(
        self, folder: ModelFolder, codec_id: str, given: Mapping[str, OptionValue], title: str | None
    ) -> dict[str, Any]:
        return install.settings(folder, codec_id, given, title)

    def install(
        self,
        folder: ModelFolder,
        target: Path,
        settings: Mapping[str, Any],
        progress: jobs.ReportProgress,
        cancel: jobs.CancelToken | None,
    ) -> None:
        install.install(folder, target, settings, progress, cancel)

    def complete(self, download: Download, target: Path, cancel: jobs.CancelToken | None) -> None:
        install.complete(download, target, cancel)

    def is_whole(self, path: Path, cancel: jobs.CancelToken | None) -> bool:
        return install.is_whole(path, cancel)

    def convert(
        self, source: Path, target: Path, to: str | None, given: Mapping[str, OptionValue], title: str | None
    ) -> str:
        require("torch")
        from lincae_studio.codecs.lincae.pretrained import convert

        return convert(source, target, to, title=title, **given)  # type: ignore[arg-type]


FAMILY = LinCaeFamily()
