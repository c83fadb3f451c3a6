"""Values and names shared by several packages. Imports nothing of this one."""

from __future__ import annotations

from typing import Final

#: The codec of a new session, unless the preferences name another.
DEFAULT_CODEC: Final = "mdct-2x"

#: The title of a document without a name.
UNTITLED: Final = "Untitled"


def is_untitled(name: str) -> bool:
    """Whether this is a default name: "Untitled", or "Untitled (recovered)"."""
    return name == UNTITLED or name.startswith(f"{UNTITLED} (")
