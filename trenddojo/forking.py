"""What processes that fork do before they do."""

import gc


def memory_share() -> None:
    """What is there now stays shared with every process that is forked from this one.

    The collector writes into each object it visits. The first time it visits all, minutes after the start, each process
    would come to own a copy of everything it had in common with the others.
    """
    gc.collect()
    gc.freeze()
