"""What processes that fork do before they do."""

import ctypes
import gc
from typing import Final

# malloc.h of the GNU C library.
M_ARENA_MAX: Final = -8
ARENAS: Final = 2


def memory_share() -> None:
    """What is there now stays shared with every process that is forked from this one.

    The collector writes into each object it visits. The first time it visits all, minutes after the start, each process
    would come to own a copy of everything it had in common with the others.
    """
    gc.collect()
    gc.freeze()


def memory_pools_limit() -> None:
    """Threads share two pools of memory, where the C library would give them up to eight for each processor.

    What a thread gives back stays with its pool: a process whose 24 threads draw pages in turn would grow until each
    pool had held the largest of them. Two at a time are enough where the interpreter lets one thread run. Another C
    library than GNU's has no such setting and is left alone.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_ARENA_MAX, ARENAS)
