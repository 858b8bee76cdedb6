"""The signals that a server understands, as its parent process hears them.

They are held back from before that process becomes what it is until somebody hears them, so that
none is lost and none ends it on the way.
"""

import math
import select
import signal
import socket
from collections.abc import Iterable
from types import FrameType
from typing import Final

_END: Final = (signal.SIGTERM, signal.SIGINT)
_ASKED: Final = (*_END, signal.SIGHUP)


def hold_back() -> None:
    """Let what is asked for from now on wait, also for the program that this process becomes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)


class Signals:
    """What was asked for: `ends` times to end, `renewal` to take a new configuration."""

    def __init__(self) -> None:
        """Hear them from now on, and those that were held back."""
        self.ends = 0
        self.renewal = False
        self._woken, self._waking = socket.socketpair()
        for end in (self._woken, self._waking):
            end.setblocking(False)
        for number in (*_ASKED, signal.SIGCHLD):
            signal.signal(number, self._take)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)

    def wait(self, descriptors: Iterable[int], seconds: float) -> None:
        """Return when a signal comes, when there is something to read, or after so many seconds."""
        poll = select.poll()
        for descriptor in (self._woken.fileno(), *descriptors):
            poll.register(descriptor, select.POLLIN)
        poll.poll(None if seconds == math.inf else max(0, math.ceil(seconds * 1000)))
        try:
            while self._woken.recv(select.PIPE_BUF):
                pass
        except BlockingIOError:
            return

    def _take(self, number: int, _: FrameType | None) -> None:
        if number in _END:
            self.ends += 1
        elif number == signal.SIGHUP:
            self.renewal = True
