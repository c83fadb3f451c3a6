"""What the window says when a codec is missing, chunks fail, or a preview is damaged."""

from __future__ import annotations

import os

from lincae_studio.codecs import library, registry
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.engine.process import events as engine
from lincae_studio.errors import CodecError, EngineError, StudioError


def missing_codec(codec: str, error: StudioError, fallback: CodecInfo) -> CodecError:
    """The error for a session whose codec is not available. The remedy in `error` is for the command line."""
    missing = registry.download(codec) is not None and codec not in registry.ids()
    advice = "Download it in Session > Codec" if missing else "Import it, or choose another, in Session > Codec"
    return CodecError(error.problem, f"{fallback.title} is used for now; the project keeps its codec. {advice}")


def chunks_failed(codec: str, message: str) -> EngineError:
    """The error for failed chunks; the cause may be damaged weights, which only the engine reads."""
    error = engine.failure(message)
    if os.sep not in codec and codec not in library.installed():
        return error  # built in
    return EngineError(error.problem, f"{error.remedy}, or choose another codec in Session > Codec")


def preview_unusable(event: engine.PreviewUnusable) -> CodecError:
    """The error for a damaged preview, without which chunks are rendered."""
    return CodecError(f"{event.problem}, so the dry mix is heard until chunks are rendered", event.remedy)
