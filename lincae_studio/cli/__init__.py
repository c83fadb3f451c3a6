"""The command `lincae-studio`: files or no arguments open the window, subcommands run without one.

Only this module is imported before the window opens; commands are imported when they are used.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence

from lincae_studio import descriptors, paths
from lincae_studio.cli import exit_codes
from lincae_studio.cli.text import show_error

#: Subcommands. Any other first argument is a file to open in the window.
COMMANDS = (
    *("mix", "render", "info", "bundle", "unbundle", "encode", "decode"),
    *("export-dawproject", "import-dawproject"),
    *("check", "match", "operator"),
    *("demo", "codecs", "cache", "dataset", "bench", "train", "distill", "evaluate", "engine", "open"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may contain bytes that are not valid text
    descriptors.raise_limit()
    arguments = list(sys.argv[1:] if argv is None else argv)
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run a command line; errors are reported in one line on standard error and an exit code, never a traceback."""
    from lincae_studio.errors import Cancelled, StudioError

    try:
        if paths.frozen() and arguments[:1] == [paths.PIP_FLAG]:
            from pip._internal.cli.main import main as pip

            return pip(arguments[1:])
        if paths.frozen() and arguments[:1] == [paths.STRETCH_FLAG]:
            from lincae_studio.media import stretch_process

            return stretch_process.run()
        if arguments[:1] == [paths.MEASURE_FLAG]:
            from lincae_studio.cli.measurement import run_measurement

            return run_measurement(*arguments[1:])
        if not arguments or (arguments[0] not in COMMANDS and not arguments[0].startswith("-")):
            from lincae_studio.cli.window import open_window

            return open_window(arguments)
        from lincae_studio.cli.app import run_command

        with _decoders_are_quiet():
            return run_command(arguments)
    except StudioError as error:
        show_error(f"error: {error}")
        return exit_codes.BAD_INPUT
    except (KeyboardInterrupt, Cancelled):
        show_error("interrupted")
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has closed it
        return exit_codes.BUG
    except Exception as error:
        return _report_bug(error)


@contextlib.contextmanager
def _decoders_are_quiet() -> Iterator[None]:
    """Discard what C libraries print on standard error, such as mpg123 about damaged frames; Python still prints."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    stderr = sys.stderr
    with open(kept, "w", errors="backslashreplace", buffering=1) as ours:
        if stderr is sys.__stderr__:
            sys.stderr = ours
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            sys.stderr = stderr


def _report_bug(error: Exception) -> int:
    import traceback

    from lincae_studio import private

    details = "".join(traceback.format_exception(error))
    try:
        where = paths.log_file()
        private.make(where.parent)
        private.keep_from_others(where)
        with open(where, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(details)
        hint = f"Details are in {where}"
    except (OSError, RuntimeError):
        hint = "The details could not be logged"
    show_error(f"internal error: {type(error).__name__}: {error}. {hint}.")
    return exit_codes.BUG
