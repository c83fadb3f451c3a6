"""The family of linear codecs: those in the box, and folders that training writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from lincae_studio import jobs, paths
from lincae_studio.codecs.base import Codec
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.family import CodecFamily, Entry
from lincae_studio.codecs.folders import copy_file
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.linear import folder as folders
from lincae_studio.codecs.linear.folder import CARD_NAME, FORMAT, WEIGHTS_NAME, LinearFolder
from lincae_studio.errors import CodecError

log = logging.getLogger(__name__)

#: Ids of the codecs in the box: the names of their folders in `resources/codecs`.
IN_THE_BOX = ("linear-8x", "linear-15x")


class LinearFamily(CodecFamily[LinearFolder]):
    """Codecs with a linear encoder, and a decoder with a small network."""

    name = "linear"
    contents = f"{CONFIG_NAME} of the format {FORMAT}, and {WEIGHTS_NAME}"

    def codecs(self, computation: Computation) -> Sequence[Entry]:
        return [
            Entry(folder.info(name, computation), partial(self.load, folder, name, computation))
            for name, folder in _in_the_box().items()
        ]

    def recognises(self, names: frozenset[str], config: Mapping[str, Any]) -> bool:
        return folders.recognises(config)

    def open(self, path: Path) -> LinearFolder:
        return folders.open_folder(path)

    def load(self, folder: LinearFolder, codec_id: str, computation: Computation) -> Codec:
        from lincae_studio.codecs.linear.codec import load_codec

        return load_codec(folder, codec_id, computation)

    def check(self, folder: LinearFolder) -> None:
        folders.read_weights(folder)

    def settings(
        self, folder: LinearFolder, codec_id: str, given: Mapping[str, Any], title: str | None
    ) -> dict[str, Any]:
        return {"title": title or folder.title}

    def install(
        self,
        folder: LinearFolder,
        target: Path,
        settings: Mapping[str, Any],
        progress: jobs.ReportProgress,
        cancel: jobs.CancelToken | None,
    ) -> None:
        names = [WEIGHTS_NAME, *([CARD_NAME] if (folder.path / CARD_NAME).is_file() else [])]
        for name in names:
            copy_file(folder.path / name, target / name, f"copying {settings['title']}", progress, cancel)
        folders.describe(target, folder.config, settings["title"], folder.description, folder.weights_sha256)


@cache
def _in_the_box() -> dict[str, LinearFolder]:
    """The codecs in the box by id, except for damaged ones: all other codecs can still be used then."""
    found = {}
    for name in IN_THE_BOX:
        try:
            found[name] = folders.open_folder(paths.resource(f"codecs/{name}"))
        except (CodecError, OSError) as error:
            log.error("the codec %s is missing from the installation: %s", name, error)
    return found


FAMILY = LinearFamily()
