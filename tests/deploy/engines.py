"""Running containers with podman and with Docker: the same words, but for a few.

Containers share the network of the machine, and listen on its loopback address.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.processes import free_port, wait_until
from tests.programs.tool import Tool, ToolFailed

LIMITS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
"""Where tests run, nobody may raise the limits that a container would have otherwise."""

_numbers = count()


@dataclass(frozen=True)
class Container:
    """A container that serves a registry at `host`."""

    engine: Engine
    name: str
    host: str

    def told(self) -> str:
        """All that it printed."""
        return self.engine.printed("logs", self.name)

    def execute(self, *command: str) -> str:
        return self.engine.tool.run("exec", self.name, *command)

    def stop(self) -> int:
        """Its exit status."""
        self.engine.tool.run("stop", self.name)
        status = self.engine.tool.run("inspect", "--format", "{{.State.ExitCode}}", self.name)
        return int(status)


@dataclass(frozen=True)
class Engine:
    """`prefix` stands before the names of images that were loaded, `plain` before plain HTTP."""

    tool: Tool
    prefix: str
    plain: tuple[str, ...]

    @property
    def image(self) -> str:
        return f"{self.prefix}layerstore:tried"

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """What a container of the image prints that is told `arguments` and then is gone."""
        return self.tool.run("run", "--rm", *self._network, *options, self.image, *arguments)

    def refuse(self, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """What a person sees of a container that ends with a failure."""
        return self.tool.refuse("run", "--rm", *self._network, *options, self.image, *arguments)

    def printed(self, *arguments: str) -> str:
        """Both outputs of a command that may fail."""
        try:
            return self.tool.run(*arguments)
        except ToolFailed as failed:
            return str(failed)

    def push(self, image: str, reference: str) -> None:
        self.tool.run("tag", image, reference)
        self.tool.run("push", *self.plain, reference)

    def pull(self, reference: str) -> None:
        self.tool.run("pull", *self.plain, reference)

    def forget(self, *images: str) -> None:
        """Remove images under all these names, so that they have to be pulled."""
        for image in images:
            self.tool.run("rmi", image)

    @contextmanager
    def serving(
        self, *options: str, image: str = "", arguments: tuple[str, ...] = ()
    ) -> Iterator[Container]:
        """A container in the background, from when it answers until the block ends."""
        port, name = free_port(), f"registry-{next(_numbers)}"
        address = f"--env=REGISTRY_HTTP_ADDR=127.0.0.1:{port}"
        container = Container(self, name, f"127.0.0.1:{port}")
        command = ("run", "--detach", "--name", name, *self._network, address, *options)
        try:
            self.tool.run(*command, image or self.image, *arguments)
            wait_until(lambda: _answers(container.host), f"{name} answers: {container.told()}")
            yield container
        finally:
            print(container.told())
            self.tool.run("rm", "--force", "--volumes", name)

    @property
    def _network(self) -> tuple[str, ...]:
        return ("--network=host", *LIMITS)


def podman_engine(tool: Tool) -> Engine:
    return Engine(tool, "docker.io/library/", ("--tls-verify=false",))


def docker_engine(tool: Tool) -> Engine:
    return Engine(tool, "", ())


def folder_of_root(path: Path) -> Path:
    """A folder as registry:2 leaves it, which runs as root."""
    content = path / "docker/registry/v2/repositories"
    content.mkdir(parents=True)
    path.chmod(0o755)
    return path


def _answers(host: str) -> bool:
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
