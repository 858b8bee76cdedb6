"""Files on their way out: opened and checked before the answer begins, held while it starts.

The server opens a file by its name once the handler has returned. What it is given names an open
descriptor of ours, so that a file which is taken away meanwhile is sent all the same.
"""

import asyncio
import logging
import os
from contextlib import suppress
from typing import Final

from layerstore.oci.errors import BlobUnknown, Unavailable, Unknown
from layerstore.web.message import FileBody

INLINE_BYTES_MAX: Final = 128 * 1024
"""Bytes of a file that is read and sent as bytes: cheaper than having the server open it."""

HELD_S: Final = 5.0
"""Seconds within which the server opens what it was given, with room to spare."""

HELD_MAX: Final = 256
"""Descriptors held at the same time. Above, a file is named by its path: it was there just now."""

UNREADABLE_RETRY_S: Final = 5
"""Seconds after which a client may ask again for a file that could not be read."""

_log = logging.getLogger(__name__)


def open_checked(body: FileBody) -> int:
    """A descriptor of the file.

    Raises BlobUnknown when it is gone, Unknown when its size is another, Unavailable when it cannot
    be opened now: no descriptor is left, the disk does not answer.
    """
    try:
        descriptor = os.open(body.path, os.O_RDONLY | os.O_CLOEXEC)
        _check_size(descriptor, body.size)
    except FileNotFoundError as error:
        raise BlobUnknown from error
    except OSError as error:
        raise _unreadable(body, error) from error
    return descriptor


def _check_size(descriptor: int, size: int) -> None:
    """Close the descriptor if the file is not of this size, or does not say."""
    fits = False
    try:
        fits = os.fstat(descriptor).st_size == size
    finally:
        if not fits:
            _let_go(descriptor)
    if not fits:
        raise Unknown


def read_checked(body: FileBody) -> bytes:
    """The whole content; the same errors."""
    descriptor = open_checked(body)
    try:
        content = os.read(descriptor, body.size + 1)
    except OSError as error:
        raise _unreadable(body, error) from error
    finally:
        _let_go(descriptor)
    if len(content) != body.size:
        raise Unknown
    return content


def _let_go(descriptor: int) -> None:
    """What was only read is not the worse for an error at the end."""
    with suppress(OSError):
        os.close(descriptor)


def _unreadable(body: FileBody, error: OSError) -> Unavailable:
    _log.error("%s cannot be read: %s", body.path, error.strerror)
    return Unavailable(message="the storage cannot be used now", retry_after=UNREADABLE_RETRY_S)


class HeldFiles:
    """Descriptors that the server is about to open by their names."""

    def __init__(self, seconds: float = HELD_S) -> None:
        self._seconds = seconds
        self._held: set[int] = set()

    def path_for(self, body: FileBody) -> str:
        """The path to hand to the server now. BlobUnknown and Unknown as `open_checked`."""
        descriptor = open_checked(body)
        if len(self._held) >= HELD_MAX:
            _let_go(descriptor)
            return str(body.path)
        self._held.add(descriptor)
        asyncio.get_running_loop().call_later(self._seconds, self._release, descriptor)
        return f"/proc/self/fd/{descriptor}"

    def _release(self, descriptor: int) -> None:
        self._held.remove(descriptor)
        _let_go(descriptor)
