"""How the kernel lets a worker's threads take turns, seen from within."""

import os
import subprocess
import sys

import pytest

STORY = """
import os, sys, threading
from layerstore.cli.scheduling import take_turns_in_batches

os.sched_setscheduler(0, int(sys.argv[1]), os.sched_param(0))
take_turns_in_batches()
found = []
thread = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(os.sched_getscheduler(0), *found)
"""


def policies(before: int) -> list[int]:
    """That of the first thread and of one that it starts."""
    command = [sys.executable, "-c", STORY, str(before)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return [int(policy) for policy in told.stdout.split()]


def test_all_threads_take_turns_in_batches() -> None:
    assert policies(os.SCHED_OTHER) == [os.SCHED_BATCH, os.SCHED_BATCH]


@pytest.mark.parametrize("before", [os.SCHED_IDLE, os.SCHED_BATCH])
def test_what_the_operator_chose_stays(before: int) -> None:
    assert policies(before) == [before, before]
