"""Ctrl+C and SIGTERM during training: the step in progress is finished, and a checkpoint is written."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Signals within this time after the first one are the same request: terminals and process managers both send one.
_SAME_REQUEST_S = 2.0

#: Interval, in steps, at which several processes agree on stopping.
_AGREE_EVERY = 10


class Interruption(Callback):
    """Stops a run at the end of a step when it is interrupted. Use it as a context manager around the whole run.

    The first signal during a step is remembered; a later one raises `KeyboardInterrupt` at once, as does every signal
    before the first step and after the last checkpoint, when nothing can be lost.

    Attributes:
        requested: whether the run was interrupted.
        stepped: whether a step has been finished.
    """

    def __init__(self) -> None:
        self.requested = False
        self.stepped = False
        self._requested_at = 0.0
        self._unsaved = False
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler is not signal.SIG_IGN:  # such as under nohup
                    self._handlers[number] = handler
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def saved(self) -> None:
        """From now on, signals raise at once: everything is on disk."""
        self._unsaved = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for number in self._handlers:
            signal.signal(number, self._receive)  # Lightning has installed its own, with which the run fails
        self._unsaved = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.stepped = True
        if trainer.world_size > 1:
            if trainer.global_step % _AGREE_EVERY:
                return
            self.requested = trainer.strategy.reduce_boolean_decision(self.requested, all=False)
        if self.requested:
            trainer.should_stop = True
            if trainer.is_global_zero:
                print("stopping: writing a checkpoint", file=sys.stderr, flush=True)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self._unsaved:
            raise KeyboardInterrupt
        if not self.requested:
            self.requested, self._requested_at = True, time.monotonic()
        elif time.monotonic() - self._requested_at > _SAME_REQUEST_S:
            raise KeyboardInterrupt
