"""What the commands that work on a storage have in common: opening it, and telling what went wrong.

They run beside a server on the same folder; locks and atomic files keep them out of each other's
way.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import msgspec
import typer

from layerstore.app.registries import open_registry
from layerstore.app.stores import opened_storage, storage_folder
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.config.loading import load
from layerstore.oci.digest import Digest
from layerstore.oci.errors import RegistryError
from layerstore.oci.name import Name, Tag, is_tag, parse_name
from layerstore.registry.local import LocalRegistry
from layerstore.storage.driver import StorageError

EXIT_REFUSED: Final = 1
"""What was asked for could not be done."""

EXIT_USAGE: Final = 2
"""The command or the configuration makes no sense."""

_EXIT_STATUSES: Final = (
    "Exit status: 0 done; 1 not done (nothing of that name, storage not usable); "
    "2 wrong arguments or configuration."
)

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration of the server that stores there."),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder where the server stores everything.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def epilog(*examples: str, note: str = "") -> str:
    """What stands below a command's options: how it is called, and what its exit status means."""
    lines = ["Examples:", *(f"  {example}" for example in examples), note, _EXIT_STATUSES]
    return "\n\n".join(line for line in lines if line)


def on_registry(
    config: Path | None, data: Path | None, work: Callable[[LocalRegistry], Awaitable[T]]
) -> T:
    """Do some work on the registry that the options name; a failure ends the command in words."""

    async def opened() -> T:
        whole, clock = loaded(config, data), SystemClock()
        async with opened_storage(whole, clock) as driver:
            return await work(open_registry(whole, clock, driver))

    try:
        return asyncio.run(opened())
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    except RegistryError as error:
        fail(words(error), EXIT_REFUSED)
    except StorageError as error:
        fail(f"the storage cannot be used: {error.reason}", EXIT_REFUSED)


def loaded(path: Path | None, data: Path | None) -> Config:
    """The configuration that the options name, if it is one of a storage that others can look into.

    Raises ConfigError.
    """
    environment = dict(os.environ)
    if data is not None:
        environment["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = str(data)
    config = load(path, environment).config
    folder = storage_folder(config)
    if config.storage.driver == "inmemory":
        raise ConfigError("storage.inmemory: another process cannot look into it")
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; --data or --config says where to look")
    return config


def name_of(text: str) -> Name:
    """A repository's name as an argument. Ends the command when it is none."""
    try:
        return parse_name(text)
    except RegistryError as error:
        fail(words(error), EXIT_USAGE)


def tagged(text: str) -> tuple[Name, Tag]:
    """NAME:TAG as an argument. Ends the command when it is not of that form."""
    name, _, tag = text.rpartition(":")
    if not is_tag(tag) or not name:
        fail(f"{text!r} is not of the form NAME:TAG", EXIT_USAGE)
    return name_of(name), Tag(tag)


def revision(text: str) -> tuple[Name, Digest]:
    """NAME@DIGEST as an argument. Ends the command when it is not of that form."""
    name, at, digest = text.partition("@")
    if not at:
        fail(f"{text!r} is not of the form NAME@DIGEST", EXIT_USAGE)
    try:
        return name_of(name), Digest.parse(digest)
    except RegistryError as error:
        fail(words(error), EXIT_USAGE)


def words(error: RegistryError) -> str:
    """An error as a person reads it."""
    return f"{error.text}: {_plain(error.detail)}" if error.detail else error.text


def _plain(detail: object) -> str:
    if isinstance(detail, dict):
        return ", ".join(f"{key} {value}" for key, value in detail.items())
    return str(detail)


def fail(message: str, status: int) -> NoReturn:
    """End the command with a sentence on standard error."""
    typer.echo(f"layerstore: {message}", err=True)
    raise typer.Exit(status)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


async def print_names(names: AsyncIterator[str], *, json: bool) -> None:
    """One name a line as they come, however many there are; or one JSON list of them."""
    if json:
        print_json([name async for name in names])
        return
    async for name in names:
        typer.echo(name)
