"""What has to hold, and what all workers agree on, before one of them starts."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import structs

from layerstore.app.entrance import open_entrance
from layerstore.app.notaries import open_notary
from layerstore.app.stores import storage_folder, url_steps
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.storage.ours import (
    SECRET_BYTES,
    kept_secret,
    leading_out,
    unwritable,
)


def settle(config: Config, clock: Clock) -> Config:
    """The configuration with what all workers have to agree on: the secret of upload sessions.

    Without `http.secret` it is the one that the storage folder keeps, so that sessions outlive the
    server; in memory it is a new one. A missing password file is made. Raises ConfigError where
    the folder cannot be written, though it is not read-only, where its content would not be found,
    or nobody could be let in.
    """
    open_entrance(config, clock)
    url_steps(config, clock)
    open_notary(config, clock)
    _check_folder(config, clock)
    folder = storage_folder(config)
    if folder and (locked := unwritable(folder)):
        if not config.storage.maintenance.readonly.enabled:
            raise ConfigError(_may_not_write(locked))
        folder = None  # nothing is uploaded, so no session needs a secret that lasts
    if config.http.secret:
        return config
    try:
        secret = (
            kept_secret(folder, clock.token, clock.new_id)
            if folder
            else clock.token(SECRET_BYTES).hex()
        )
    except OSError as error:
        reason = (error.strerror or "input or output failed").lower()
        raise ConfigError(f"storage.filesystem.rootdirectory: {folder}: {reason}") from error
    return structs.replace(config, http=structs.replace(config.http, secret=secret))


def file_problems(config: Config, clock: Clock) -> Iterator[str]:
    """What a start would say of the files that the configuration names; none of them is made."""
    passwords = config.auth.htpasswd
    steps: list[Callable[[Config, Clock], object]] = [url_steps, open_notary, _check_folder]
    if passwords is None or Path(passwords.path).exists():  # a missing one is made by the start
        steps.append(open_entrance)
    for step in steps:
        try:
            step(config, clock)
        except ConfigError as error:
            yield from error.problems


def _check_folder(config: Config, _: Clock) -> None:
    folder = storage_folder(config)
    if folder is None:
        return
    if _is_no_folder(folder):
        raise ConfigError(f"storage.filesystem.rootdirectory: {folder} is no folder")
    if link := leading_out(folder):
        target = os.path.realpath(link)
        raise ConfigError(
            f"storage.filesystem.rootdirectory: {link} is a symbolic link that leads out of the "
            f"storage folder, and none is followed: 'rm {link} && mv {target} {link}' puts the "
            "folder itself there, while no registry runs"
        )


def _is_no_folder(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # what cannot be a path is told of where it is used
        return False


def _may_not_write(folder: Path) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return (
            f"storage.filesystem.rootdirectory: {folder} lies on a read-only file system: mount it "
            "for writing, or let storage.maintenance.readonly say that nothing is pushed"
        )
    found, user, group = folder.stat(), os.geteuid(), os.getegid()
    return (
        f"storage.filesystem.rootdirectory: {folder} belongs to user {found.st_uid} and cannot be "
        f"written by user {user}, as whom this server runs: 'chown -R {user}:{group} {folder}' "
        f"gives it to that user, or run the server as user {found.st_uid}"
    )
