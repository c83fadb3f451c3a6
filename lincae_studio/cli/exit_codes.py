"""Exit codes of the command line: bad input or usage, a bug, and the shell's convention for Ctrl+C."""

from __future__ import annotations

BAD_INPUT = 2
BUG = 1
INTERRUPTED = 130
