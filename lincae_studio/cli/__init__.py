"""The command `lincae-studio`: files or nothing open the window, subcommands run headless.

This module is all that is imported before the window opens; the commands come in only when one is named.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

#: Subcommands. Whatever else comes first is a file for the window.
COMMANDS = ("mix", "render", "demo", "codecs", "bench", "open")

#: Exit codes: bad input or usage, our own bug, and the shell's convention for Ctrl+C.
EXIT_BAD_INPUT = 2
EXIT_BUG = 1
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
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
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except (KeyboardInterrupt, Cancelled):
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has left: nothing more to say
        return EXIT_BUG
    except Exception as error:
        return _report_bug(error)


def _report_bug(error: Exception) -> int:
    import traceback

    from lincae_studio.paths import log_file

    details = "".join(traceback.format_exception(error))
    where = log_file()
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        with open(where, "a", encoding="utf-8") as file:
            file.write(details)
        hint = f"Details are in {where}"
    except OSError:
        hint = "Its details could not be logged"
    print(f"internal error: {type(error).__name__}: {error}. {hint}.", file=sys.stderr)
    return EXIT_BUG
