"""What it means when ssh ends: its messages in words, with what to do about them. ssh does not translate them."""

from __future__ import annotations

import re

from lincae_studio import __version__
from lincae_studio.engine.process.channel import Ended
from lincae_studio.errors import EngineError

#: ssh's own exit code; others are those of the command on the other machine.
_OWN = 255

#: Exit codes of shells for a command that does not exist, or is not a program.
_NOT_FOUND = (126, 127)

_CHOOSE = "choose another machine in Edit > Preferences > Engine"

_UNREACHABLE = "{host} cannot be reached"

#: Messages before the engine has answered: pattern, what happened, what to do. `{host}` is the host.
_REFUSED = (
    (
        r"could not resolve hostname|name or service not known|nodename nor servname",
        "the host “{host}” is unknown",
        f"Check its name, describe it in ~/.ssh/config, or {_CHOOSE}",
    ),
    (
        r"host key verification failed|remote host identification has changed",
        "the identity of {host} is not known, or has changed",
        "Connect once in a terminal, and compare its fingerprint: ssh {host}",
    ),
    (
        r"permission denied|too many authentication failures|no supported authentication",
        "{host} refuses the login",
        "Log in with a key, without a password: ssh-copy-id {host}, and ssh-add if the key has a passphrase",
    ),
    (
        r"bad configuration option|can't open user config file|illegal option|usage: ssh",
        "ssh does not understand its options",
        "Check ~/.ssh/config, and the ssh command in Edit > Preferences > Engine",
    ),
    (
        r"connection refused|timed out|no route to host|network is (unreachable|down)|host is down"
        r"|connection (closed|reset)|closed by|reset by|broken pipe|disconnect|kex_exchange|banner exchange"
        r"|not responding",
        _UNREACHABLE,
        f"Check that it is on, and that ssh {{host}} works in a terminal, or {_CHOOSE}",
    ),
)

#: Messages when a link ends that has worked.
_LOST = re.compile(
    r"connection|broken pipe|not responding|disconnect|timed? ?out|packet|unreachable|reset by|write failed|closed",
    re.IGNORECASE,
)


def how_it_ended(host: str, exit_code: int | None, printed: str, answered: bool, noise: str = "") -> Ended:
    """Why ssh has ended.

    Args:
        printed: what ssh and the command have printed on standard error.
        answered: whether an engine had answered.
        noise: what came on standard output before an engine had answered.
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    last = lines[-1].rstrip(".") if lines else ""
    if answered:
        killed = exit_code is not None and exit_code < 0
        if killed or (exit_code == _OWN and _LOST.search(printed)):
            return Ended(exit_code, EngineError(f"the connection to {host} was lost{f': {last}' if last else ''}"))
        return Ended(exit_code)
    if exit_code in _NOT_FOUND:
        return Ended(exit_code, not_installed(host), lasting=True)
    if "neither a file nor a command" in printed or "no such command" in printed.lower():
        return Ended(exit_code, other_version(host, "an older version of LinCAE Studio"), lasting=True)
    for pattern, problem, remedy in _REFUSED if exit_code == _OWN else ():
        if re.search(pattern, printed, re.IGNORECASE):
            later = problem == _UNREACHABLE  # the next attempt may succeed
            detail = f": {last}" if later else ""
            error = EngineError(problem.format(host=host) + detail, remedy.format(host=host))
            return Ended(exit_code, error, lasting=not later)
    # If ssh has failed, not the command, the next attempt may succeed.
    lasting = exit_code is not None and exit_code >= 0 and exit_code != _OWN
    if lasting and noise.strip("\0 \n"):
        return Ended(exit_code, no_engine(host, noise), lasting)
    reason = last or f"exit code {exit_code}"
    remedy = f"Check that this works in a terminal: ssh {host} lincae-studio --version"
    return Ended(exit_code, EngineError(f"no engine answers on {host}: {reason}", remedy), lasting)


def not_installed(host: str) -> EngineError:
    """The error when the program was not found."""
    return EngineError(
        f"LinCAE Studio was not found on {host}",
        f"Install it: ssh {host} pip install lincae-studio=={__version__}, or set its path there in "
        "Edit > Preferences > Engine",
    )


def other_version(host: str, version: str) -> EngineError:
    """The error when the program there is of another version, which `version` describes."""
    return EngineError(
        f"{host} has {version}, and this is {__version__}",
        f"Install the same version: ssh {host} pip install lincae-studio=={__version__}",
    )


def no_engine(host: str, printed: str) -> EngineError:
    """The error when something other than an engine answers."""
    first = next((line.strip() for line in printed.splitlines() if line.strip()), "")
    said = f": it printed “{first[:80]}”" if first else ""
    return EngineError(
        f"no engine answers on {host}{said}", f"Check that this works in a terminal: ssh {host} lincae-studio --version"
    )
