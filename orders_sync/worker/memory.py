"""Keeps a worker's memory flat, however many orders pass through its threads."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

#: https://man7.org/linux/man-pages/man3/mallopt.3.html
_M_ARENA_MAX: Final = -8

#: Threads share so many arenas. They hold the interpreter's lock while they allocate anyway.
_ARENAS: Final = 2


def share_arenas() -> None:
    """Have all threads of this process allocate from two arenas, where its C library is glibc.

    With one for nearly each thread, documents that come and go leave holes in all of them. The
    variable MALLOC_ARENA_MAX would do the same, if everybody set it who starts a worker.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
