"""The exception hooks: uncaught exceptions become messages, not lines on a console out of sight. Any thread."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from lincae_studio.ui.notify.messages import MessageBar

_log = logging.getLogger(__name__)


def install_hooks(bar: MessageBar) -> None:
    """Show uncaught exceptions of any thread in the bar instead of on a console."""

    def report(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        text = f"Internal error: {kind.__name__}: {error}. Your session is still open: save it now."
        try:
            bar.from_thread.emit(text, details)
        except RuntimeError:
            _log.error("%s", details)  # the window no longer exists

    def from_thread(args: threading.ExceptHookArgs) -> None:
        report(args.exc_type, args.exc_value, args.exc_traceback)

    def unraisable(args: Any) -> None:
        report(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = report
    threading.excepthook = from_thread
    sys.unraisablehook = unraisable
