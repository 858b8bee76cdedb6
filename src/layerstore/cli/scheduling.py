"""How the threads of a worker take turns on its cores; nothing where the system has no choice.

A request goes through several threads, each of which wakes the next. By default a thread that is
woken may take the core from the one that woke it, which is then in the middle of the next request
and still holds the interpreter: the two change places again at once. In a batch each goes on until
it has nothing to do (sched(7), SCHED_BATCH): a sixth to a fifth less processor time for a request
(docs/decisions/0005). The share of the processor stays the same; where other programs take all of
it, a worker may wait a few milliseconds longer for its turn.
"""

import os
from contextlib import suppress


def take_turns_in_batches() -> None:
    """For this thread and all that it starts; without effect where that is not allowed."""
    if not hasattr(os, "SCHED_BATCH"):
        return
    with suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
