"""The command `lincae-studio`: files or nothing open the window, subcommands run headless.

This module is all that is imported before the window opens; the commands come in only when one is named.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from lincae_studio.cli import exit_codes

#: Subcommands. Whatever else comes first is a file for the window.
COMMANDS = (
    *("mix", "render", "info", "bundle", "unbundle", "encode", "decode"),
    *("export-dawproject", "import-dawproject"),
    *("demo", "codecs", "cache", "bench", "train", "evaluate", "open"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may hold bytes that are no text
    arguments = list(sys.argv[1:] if argv is None else argv)
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command line; every error is one line on standard error and an exit code, never a traceback."""
    from lincae_studio.errors import Cancelled, StudioError

    try:
        if not arguments or (arguments[0] not in COMMANDS and not arguments[0].startswith("-")):
            from lincae_studio.cli.window import open_window

            return open_window(arguments)
        from lincae_studio.cli.app import run_command

        return run_command(arguments)
    except StudioError as error:
        _say(f"error: {error}")
        return exit_codes.BAD_INPUT
    except (KeyboardInterrupt, Cancelled):
        _say("interrupted")
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has left: nothing more to say
        return exit_codes.BUG
    except Exception as error:
        return _report_bug(error)


def _say(text: str) -> None:
    """Print one line on standard error, whatever a file's name holds: line breaks, or bytes that are no text."""
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text), file=sys.stderr)


def _report_bug(error: Exception) -> int:
    import traceback

    from lincae_studio.paths import log_file

    details = "".join(traceback.format_exception(error))
    try:
        where = log_file()
        where.parent.mkdir(parents=True, exist_ok=True)
        with open(where, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(details)
        hint = f"Details are in {where}"
    except (OSError, RuntimeError):
        hint = "Its details could not be logged"
    _say(f"internal error: {type(error).__name__}: {error}. {hint}.")
    return exit_codes.BUG
