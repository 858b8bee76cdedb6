"""The htpasswd file: one `name:hash` a line, bcrypt only.

Lines with other hashes are passed over with one warning for all of them; empty lines and those
that begin with `#` say nothing, and neither does what follows another colon (nginx takes such a
comment). Of two lines for one name the last counts.
"""

import base64
import hmac
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.passwords import COST_NEW, cost, decoy, new_hash
from layerstore.clock import Clock

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
FIRST_USER: Final = "docker"

_PASSWORD_BYTES: Final = 32
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700

_log = logging.getLogger(__name__)


class Users:
    """The hash of every user, and a likely one for everybody else."""

    def __init__(self, hashes: Mapping[str, bytes], secret: bytes) -> None:
        self._hashes = hashes
        self._costs = sorted(cost(hashed) or COST_NEW for hashed in hashes.values()) or [COST_NEW]
        self._secret = secret

    def hash_of(self, user: str) -> bytes | None:
        """None for a name that is not in the file."""
        return self._hashes.get(user)

    def decoy_for(self, user: str) -> bytes:
        """A hash that fits no password, as dear as that of some user, always the same for a name.

        So the time that an answer takes tells nothing, even in a file of several costs.
        """
        chosen = int.from_bytes(hmac.digest(self._secret, user.encode(), "sha256"))
        return decoy(self._costs[chosen % len(self._costs)])


def parse_users(content: bytes, secret: bytes) -> Users:
    """Raises ValueError, naming the line, for a file that is no password file."""
    hashes: dict[str, bytes] = {}
    passed_over = 0
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        user, hashed = _entry(line, number)
        hashes.pop(user, None)
        if cost(hashed) is None:
            passed_over += 1
        else:
            hashes[user] = hashed
    if passed_over:
        _log.warning("htpasswd: %d lines have no usable bcrypt hash and fit nobody", passed_over)
    return Users(hashes, secret)


def _entry(line: bytes, number: int) -> tuple[str, bytes]:
    user, colon, rest = line.partition(b":")
    hashed = rest.partition(b":")[0]
    if not colon:
        raise ValueError(f"line {number} is not of the form name:hash")
    try:
        name = user.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the name in line {number} is not UTF-8") from None
    if not name.isprintable():
        raise ValueError(f"the name in line {number} has characters that cannot be shown")
    return name, hashed


def provide(path: Path, clock: Clock) -> None:
    """Make the file where there is none, with one user whose password is logged, once.

    Of several processes that start at the same time one makes it. Raises AuthorityUnusable.
    """
    if _is_there(path):
        return
    password = base64.urlsafe_b64encode(clock.token(_PASSWORD_BYTES)).rstrip(b"=")
    line = b"%s:%s\n" % (FIRST_USER.encode(), new_hash(password))
    try:
        _make_folders(path.parent)
        made = _make_file(path, line, path.with_name(f"{path.name}.{clock.new_id()}.tmp"))
    except OSError as error:
        raise AuthorityUnusable(
            f"auth.htpasswd.path: there is no {path}, and it cannot be made: {error.strerror}"
        ) from error
    if made:
        _log.warning(
            "there was no %s; it was made with the user %s and the password %s",
            path,
            FIRST_USER,
            password.decode(),
        )


def _is_there(path: Path) -> bool:
    """A path that cannot be one is not there, and cannot be made."""
    try:
        return path.exists()
    except OSError:
        return False


def _make_folders(folder: Path) -> None:
    """Each with the private mode, which Path.mkdir gives to the last one only."""
    for parent in reversed([folder, *folder.parents]):
        if not parent.exists():
            parent.mkdir(_FOLDER_MODE, exist_ok=True)


def _make_file(path: Path, content: bytes, temporary: Path) -> bool:
    """Whole or not at all; False when another process was first."""
    with open(temporary, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, _FILE_MODE)
