"""What an error of the operating system means below the contract of `driver.py`.

One table for whatever touches local files: what is full may be emptied, and everything else that
an operator has to look at, or that passes by itself, cannot be used now.
"""

import errno
from typing import Final

from layerstore.storage.driver import OutOfSpace, StorageError, StorageUnavailable

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room on the device, no quota left, no larger file allowed."""


def failure(driver: str, path: str, error: OSError) -> StorageError:
    """OutOfSpace or StorageUnavailable, with the reason in the system's words."""
    if error.errno in FULL:
        return OutOfSpace(driver, path)
    reason = error.strerror or "input or output failed"
    return StorageUnavailable(driver, path, reason.lower())
