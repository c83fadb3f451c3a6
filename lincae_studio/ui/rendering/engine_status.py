"""The state of the engine in words: whether it runs, and how fast the link to it is. Main thread."""

from __future__ import annotations

import logging

from lincae_studio.engine.process import events as engine
from lincae_studio.engine.process.channel import LinkFigures
from lincae_studio.engine.process.machine import Machine
from lincae_studio.errors import EngineError

_log = logging.getLogger(__name__)

#: Bytes per second from which on the throughput is shown: what only keeps the link alive is less.
_IDLE = 10_000


class EngineStatus:
    """Follows the events of the engine.

    Attributes:
        machine: the one that it runs on; None if it is this computer.
        text: one or a few words; `tip`: a sentence or two, where there is more to say.
        problem: why there is no engine, until there is one.
    """

    def __init__(self) -> None:
        self.machine: Machine | None = None
        self.text, self.tip = "engine starting", ""
        self.problem: EngineError | None = None

    @property
    def host(self) -> str:
        """The name of the machine; empty if it is this computer."""
        return self.machine.host if self.machine is not None else ""

    def move(self, machine: Machine | None) -> None:
        """The engine starts on another machine, or on this computer."""
        self.machine, self.tip, self.problem = machine, "", None
        self.text = f"{self.host} · connecting" if machine is not None else "engine starting"

    def follow(self, event: engine.Event) -> bool:
        """Whether an event has changed anything."""
        before = self.text, self.tip, self.problem
        match event:
            case engine.EngineUp(pid=pid):
                _log.info("engine process %d has started", pid)
                self.text, self.tip = (f"{self.host} · connected" if self.host else "engine ready"), ""
                self.problem = None
            case engine.LinkMeasured(figures=figures) if self.host:
                self.text, self.tip = f"{self.host} · {_speed(figures)}", _details(self.host, figures)
            case engine.EngineDown():
                self.text = f"{self.host} · disconnected, connecting again" if self.host else "engine restarting"
                self.tip = "The dry mix is played until the machine is reached" if self.host else ""
            case engine.EngineUnusable(reason=reason):
                self.text = f"{self.host} · disconnected" if self.host else "engine not running"
                self.tip = sentence(reason, self.host) if self.host else ""
                self.problem = unusable(event)
        return (self.text, self.tip, self.problem) != before


def sentence(text: str, host: str) -> str:
    """A message as a sentence; a host's name that it begins with stays as it is."""
    begins = text if text.startswith(host) else text[:1].upper() + text[1:]
    return f"{begins.rstrip('.')}."


def unusable(event: engine.EngineUnusable) -> EngineError:
    """The error to show when there is no engine."""
    later = "The dry mix is played instead; the engine will be restarted later. See the log for details"
    return EngineError(f"the mix cannot be rendered: {event.reason.rstrip('.')}", event.remedy or later)


def _speed(figures: LinkFigures) -> str:
    """The round trip, and the throughput while something is sent."""
    trip = f"{1e3 * figures.round_trip_s:.0f} ms" if figures.round_trip_s is not None else "connected"
    busiest = max(figures.received, figures.sent)
    return f"{trip} · {_rate(busiest)}" if busiest >= _IDLE else trip


def _details(host: str, figures: LinkFigures) -> str:
    lines = [f"The mix is rendered on {host}."]
    if figures.round_trip_s is not None:
        lines.append(f"Round trip {1e3 * figures.round_trip_s:.0f} ms.")
    lines.append(f"Receiving {_rate(figures.received)}, sending {_rate(figures.sent)}.")
    if figures.ratio < 1.0:
        lines.append(f"Renders are compressed to {100 * figures.ratio:.0f} % without loss.")
    lines.append(f"{figures.media / 1e6:.1f} MB of audio sent since it was connected.")
    return " ".join(lines)


def _rate(bytes_per_s: float) -> str:
    return f"{bytes_per_s / 1e6:.1f} MB/s"
