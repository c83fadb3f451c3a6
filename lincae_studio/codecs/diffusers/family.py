"""The family of audio autoencoders in folders of diffusers. Loads torch and diffusers only with a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lincae_studio import jobs
from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.diffusers import folder as folders
from lincae_studio.codecs.diffusers.config import CLASSES
from lincae_studio.codecs.diffusers.folder import INDEX_NAME, WEIGHTS_NAME, DiffusersFolder, describe, open_folder
from lincae_studio.codecs.diffusers.public import DOWNLOADS
from lincae_studio.codecs.family import CodecFamily, Download
from lincae_studio.codecs.folders import copy_file
from lincae_studio.codecs.library import CONFIG_NAME


class DiffusersFamily(CodecFamily[DiffusersFolder]):
    """Folders that diffusers writes with `save_pretrained`, of a model or of a pipeline with a `vae`."""

    name = "diffusers"
    packages = ("torch", "diffusers")
    downloads = DOWNLOADS
    contents = f"config.json of the class {', '.join(CLASSES)}, and {WEIGHTS_NAME}"

    def recognises(self, names: frozenset[str], config: Mapping[str, Any]) -> bool:
        return folders.recognises(names, config)

    def open(self, path: Path) -> DiffusersFolder:
        return open_folder(path)

    def load(self, folder: DiffusersFolder, codec_id: str, computation: Computation) -> Codec:
        from lincae_studio.codecs.diffusers.codec import load_codec

        return load_codec(folder, codec_id, computation)

    def check(self, folder: DiffusersFolder) -> None:
        from lincae_studio.codecs.diffusers.network import check

        check(folder)

    def settings(
        self, folder: DiffusersFolder, codec_id: str, given: Mapping[str, Any], title: str | None
    ) -> dict[str, Any]:
        return {"title": title or folder.note.title, "description": folder.note.description}

    def install(
        self,
        folder: DiffusersFolder,
        target: Path,
        settings: Mapping[str, Any],
        progress: jobs.ReportProgress,
        cancel: jobs.CancelToken | None,
    ) -> None:
        copied = [folder.path / INDEX_NAME] if folder.weights_files[0].name != WEIGHTS_NAME else []
        for path in (*folder.weights_files, *copied, folder.path / CONFIG_NAME):
            copy_file(path, target / path.name, f"copying {settings['title']}", progress, cancel)
        describe(open_folder(target), settings["title"], settings["description"], cancel)

    def complete(self, download: Download, target: Path, cancel: jobs.CancelToken | None) -> None:
        (target / folders.NOTE_NAME).unlink(missing_ok=True)  # from an attempt that ended after writing it
        describe(open_folder(target), download.title, download.description, cancel)

    def is_whole(self, path: Path, cancel: jobs.CancelToken | None) -> bool:
        folder = open_folder(path)
        return folders.checksum(folder.weights_files, cancel) == folder.note.weights_sha256


FAMILY = DiffusersFamily()
