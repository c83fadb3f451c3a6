"""Progress bars on standard error; nothing is drawn when it is not a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from lincae_studio import jobs
from lincae_studio.cli.text import plain


@contextmanager
def progress_bars() -> Iterator[jobs.Report]:
    """Yield a function that adds a labelled bar: `report("rendering")` returns a `ReportProgress`."""
    # Labels contain names of files and codecs, which may look like markup.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def report(label: str) -> jobs.ReportProgress:
            task = bars.add_task(plain(label), total=None)
            return lambda progress: bars.update(task, completed=progress.done, total=progress.total or None)

        yield report
