"""`layerstore serve`: everything that happens before the first worker starts.

The configuration is read and checked, the sockets are opened; then this process becomes the one
that keeps the workers (`keeper.py`), under the same number.
"""

import os
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from layerstore import __version__
from layerstore.app.settling import settle
from layerstore.app.stores import storage_folder, worker_count
from layerstore.app.watching import health_checks
from layerstore.cli.opened import EXIT_REFUSED, EXIT_USAGE, fail
from layerstore.cli.orders import Orders, Source, encoded, orders_file
from layerstore.cli.plan import Checked, checked, load_from, planned
from layerstore.cli.private import private_folder, write_private
from layerstore.cli.signals import hold_back
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.web.sockets import AddressInvalid, AddressUnusable, close_all, listen, url


def serve(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration, in the form of distribution's YAML.")
    ] = None,
    addr: Annotated[
        str | None, typer.Option(help="Where to listen: host:port, or :port for all addresses.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; as many as cores if not given.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder where everything is stored.")] = None,
) -> None:
    """Serve a registry."""
    clock = SystemClock()
    source = Source(str(config) if config else None, _variables(addr, workers, data))
    try:
        loaded = load_from(source)
        settled = settle(loaded.config, clock)
        certified = checked(settled)
        is_watched = bool(health_checks(settled, clock)) or bool(settled.http.debug.addr)
        hold_back()
        listeners = listen(settled.http.addr, settled.http.net)
    except (ConfigError, AddressInvalid) as error:
        fail(str(error), EXIT_USAGE)
    except AddressUnusable as error:
        fail(str(error), EXIT_REFUSED)
    _raise_descriptor_limit()
    try:
        with private_folder() as folder:
            orders = _orders(source, loaded.warnings, certified, folder, listeners, is_watched)
            write_private(orders_file(folder, 1), encoded(orders))
            _become_keeper(folder, listeners)
    finally:
        close_all(listeners)


def _orders(
    source: Source,
    warnings: Sequence[str],
    checked: Checked,
    folder: Path,
    listeners: Sequence[socket.socket],
    is_watched: bool,
) -> Orders:
    """What is kept of all that, with files in the private folder."""
    settled = checked.config
    fields, page = {"instance.id": SystemClock().new_id()}, folder / "page"
    descriptors = tuple(listener.fileno() for listener in listeners)
    return Orders(
        source=source,
        workers=worker_count(settled),
        page=str(page),
        listeners=descriptors,
        fields=fields,
        is_watched=is_watched,
        plan=planned(checked, folder / "configuration-1", page, descriptors, fields),
        told=_announcement(settled, listeners),
        warnings=tuple(warnings),
    )


def _become_keeper(folder: Path, listeners: Sequence[socket.socket]) -> NoReturn:
    """The words of this command stay, for whoever looks for a server that runs."""
    for listener in listeners:
        listener.set_inheritable(True)
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "layerstore.cli.keeper", str(folder), *sys.argv]
    os.execv(sys.executable, command)  # noqa: S606  # ours


def _variables(addr: str | None, workers: int | None, data: Path | None) -> dict[str, str]:
    options = {
        "REGISTRY_HTTP_ADDR": addr,
        "REGISTRY_HTTP_WORKERS": workers,
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": data,
    }
    return {name: str(value) for name, value in options.items() if value is not None}


def _raise_descriptor_limit() -> None:
    """Each connection takes a descriptor, each file that is sent two; workers inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _announcement(config: Config, listeners: Sequence[socket.socket]) -> tuple[str, ...]:
    """Where it listens, where it stores, and what to try first."""
    scheme = "https" if config.http.tls.certificate else "http"
    addresses = " and ".join(url(listener, scheme) for listener in listeners)
    count, name = _counted(worker_count(config)), _pushable(listeners[0])
    lines = [
        f"Layerstore {__version__} listens on {addresses} ({count}).",
        f"It stores in {_place(config)}.",
    ]
    if name:
        lines.append(f"Try:  docker tag IMAGE {name}/IMAGE && docker push {name}/IMAGE")
    return tuple(lines)


def _place(config: Config) -> str:
    storage, folder = config.storage, storage_folder(config)
    if folder is not None:
        return str(folder.absolute())
    if storage.s3 is not None:
        return f"the bucket {storage.s3.bucket} of S3"
    if storage.gcs is not None:
        return f"the bucket {storage.gcs.bucket} of Google Cloud Storage"
    if storage.azure is not None:
        return f"the container {storage.azure.container} of Azure"
    return "memory: everything is gone when it ends"


def _counted(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def _pushable(listener: socket.socket) -> str | None:
    """How a client on this machine names a registry on that socket; docker knows no unix ones."""
    if listener.family == socket.AF_UNIX:
        return None
    host, port = listener.getsockname()[:2]
    if host in ("127.0.0.1", "::1", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return f"localhost:{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
