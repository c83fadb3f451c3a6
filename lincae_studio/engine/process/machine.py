"""Another machine that the engine runs on."""

from __future__ import annotations

import shlex
import sys

from msgspec import Struct

from lincae_studio.errors import EngineError
from lincae_studio.preferences import Preferences

#: ssh never asks questions, notices a dead link within 15 s, and opens nothing else.
_OPTIONS = (
    *("-T", "-a", "-x"),
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5"),
    *("-o", "ServerAliveCountMax=3"),
    *("-o", "ClearAllForwardings=yes"),
    *("-o", "LogLevel=INFO"),
)


class Machine(Struct, frozen=True):
    """Another machine.

    Attributes:
        host: as ssh names it: a host, `user@host`, or a name from ~/.ssh/config.
        program: the command that starts LinCAE Studio there, for its shell.
        ssh: the command that starts ssh here, with options.
    """

    host: str
    program: str = "lincae-studio"
    ssh: str = "ssh"

    def command(self) -> list[str]:
        """The command that starts the engine. Raises `EngineError` if it is not valid."""
        try:
            ssh = shlex.split(self.ssh, posix=sys.platform != "win32")
        except ValueError as error:
            problem = f"the ssh command cannot be understood: {str(error).lower()}"
            raise EngineError(problem, "Correct it in Edit > Preferences > Engine") from error
        if not ssh or not self.host or self.host.startswith("-") or any(c.isspace() for c in self.host):
            raise EngineError(
                f"“{self.host}” is not the name of a machine", "Correct it in Edit > Preferences > Engine"
            )
        return [*ssh, *_OPTIONS, "--", self.host, f"{self.program} engine --stdio"]


def machine_of(chosen: Preferences) -> Machine | None:
    """The machine that the user prefers; None for this computer."""
    return Machine(chosen.engine_host, chosen.engine_program, chosen.ssh_command) if chosen.engine_host else None
