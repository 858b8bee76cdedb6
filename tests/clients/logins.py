"""How each client program logs in and out, pushes and pulls: the commands, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.clients.content import TAG, Content
from tests.programs import need
from tests.programs.tool import Tool

Arguments = tuple[str | Path, ...]


class Client(Protocol):
    """One program, with a home of its own, against the registry at one host."""

    def login(self, user: str, password: str) -> None:
        """Raises ToolFailed where the program itself finds out that it is not let in."""

    def refuse_login(self, user: str, password: str) -> None:
        """The login does not work: it fails at once or leaves a push that fails."""

    def logout(self) -> None: ...

    def push(self, content: Content, reference: str) -> None: ...

    def refuse_push(self, content: Content, reference: str) -> str:
        """What a person sees."""

    def pull(self, reference: str) -> None: ...

    def refuse_pull(self, reference: str) -> str: ...


@dataclass(frozen=True)
class Commands:
    """The arguments of a program for each step, `{…}` standing for what differs."""

    login: Callable[[str, str, str], Arguments]
    logout: Callable[[str], Arguments]
    push: Callable[[Content, str], Arguments]
    pull: Callable[[str, Path], Arguments]
    checks_logins: bool = True


@dataclass(frozen=True)
class CommandClient:
    """A Client whose every step is one command."""

    tool: Tool
    commands: Commands
    host: str
    folder: Path

    def login(self, user: str, password: str) -> None:
        self.tool.run(*self.commands.login(self.host, user, password))

    def refuse_login(self, user: str, password: str) -> None:
        arguments = self.commands.login(self.host, user, password)
        if self.commands.checks_logins:
            self.tool.refuse(*arguments)
        else:
            self.tool.run(*arguments)

    def logout(self) -> None:
        self.tool.run(*self.commands.logout(self.host))

    def push(self, content: Content, reference: str) -> None:
        self.tool.run(*self.commands.push(content, reference))

    def refuse_push(self, content: Content, reference: str) -> str:
        return self.tool.refuse(*self.commands.push(content, reference))

    def pull(self, reference: str) -> None:
        self.tool.run(*self.commands.pull(reference, self._target(reference)))

    def refuse_pull(self, reference: str) -> str:
        return self.tool.refuse(*self.commands.pull(reference, self._target(reference)))

    def _target(self, reference: str) -> Path:
        """A folder that no pull before has filled."""
        number = len(list(self.folder.glob("pulled-*")))
        return self.folder / f"pulled-{number}"


def skopeo(home: Path, host: str) -> Client:
    plain = "--tls-verify=false"
    commands = Commands(
        lambda host, user, password: ("login", plain, "-u", user, "-p", password, host),
        lambda host: ("logout", host),
        lambda content, to: ("copy", "--dest-tls-verify=false", content.source, f"docker://{to}"),
        lambda name, to: ("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{to}:{TAG}"),
    )
    return CommandClient(_at_home("skopeo", home), commands, host, home)


def crane(home: Path, host: str) -> Client:
    commands = Commands(
        lambda host, user, password: ("auth", "login", host, "-u", user, "-p", password),
        lambda host: ("auth", "logout", host),
        lambda content, to: ("push", content.layout.folder, to),
        lambda name, to: ("pull", "--format=oci", name, to),
        checks_logins=False,
    )
    return CommandClient(_at_home("crane", home), commands, host, home)


def oras(home: Path, host: str) -> Client:
    commands = Commands(
        lambda host, user, password: ("login", "--plain-http", "-u", user, "-p", password, host),
        lambda host: ("logout", host),
        lambda content, to: (
            *("cp", "--from-oci-layout", f"{content.layout.folder}:{TAG}"),
            *("--to-plain-http", to),
        ),
        lambda name, to: ("cp", "--from-plain-http", name, "--to-oci-layout", f"{to}:{TAG}"),
    )
    return CommandClient(_at_home("oras", home), commands, host, home)


def regctl(home: Path, host: str) -> Client:
    commands = Commands(
        lambda host, user, password: ("registry", "login", host, "-u", user, "-p", password),
        lambda host: ("registry", "logout", host),
        lambda content, to: ("image", "copy", f"ocidir://{content.layout.folder}:{TAG}", to),
        lambda name, to: ("image", "copy", name, f"ocidir://{to}:{TAG}"),
    )
    tool = Tool(
        need("regctl"),
        environment={"HOME": str(home), "REGCTL_CONFIG": str(home / "regctl.json")},
    )
    tool.run("registry", "set", "--skip-check", "--tls=disabled", host)
    return CommandClient(tool, commands, host, home)


def _at_home(program: str, home: Path) -> Tool:
    environment = {
        "HOME": str(home),
        "DOCKER_CONFIG": str(home),
        "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        "TMPDIR": str(home),
    }
    return Tool(need(program), environment=environment)


@dataclass(frozen=True)
class StoringClient:
    """podman and buildah, which take an image in before they push it."""

    tool: Tool
    host: str
    pulling: tuple[str, ...] = ()

    def login(self, user: str, password: str) -> None:
        self.tool.run("login", _PLAIN, "-u", user, "-p", password, self.host)

    def refuse_login(self, user: str, password: str) -> None:
        self.tool.refuse("login", _PLAIN, "-u", user, "-p", password, self.host)

    def logout(self) -> None:
        self.tool.run("logout", self.host)

    def push(self, content: Content, reference: str) -> None:
        self.tool.run("push", _PLAIN, self._taken_in(content), f"docker://{reference}")

    def refuse_push(self, content: Content, reference: str) -> str:
        return self.tool.refuse("push", _PLAIN, self._taken_in(content), f"docker://{reference}")

    def _taken_in(self, content: Content) -> str:
        return self.tool.run("pull", "--quiet", content.source).strip()

    def pull(self, reference: str) -> None:
        self.tool.run("pull", _PLAIN, *self.pulling, reference)

    def refuse_pull(self, reference: str) -> str:
        return self.tool.refuse("pull", _PLAIN, *self.pulling, reference)


_PLAIN = "--tls-verify=false"


def podman(home: Path, host: str) -> Client:
    return StoringClient(podman_tool(home), host)


def podman_tool(home: Path, driver: str = "vfs") -> Tool:
    """Podman with a storage of its own below `home`; where images are run, `overlay` is fast."""
    options = (*_storage(home, driver), "--cgroup-manager=cgroupfs", "--events-backend=file")
    return _storing("podman", home, options)


def buildah(home: Path, host: str) -> Client:
    tool = _storing("buildah", home, _storage(home))
    return StoringClient(tool, host, pulling=("--policy=always",))


def _storage(home: Path, driver: str = "vfs") -> tuple[str, ...]:
    folders = (f"--root={home / 'storage'}", f"--runroot={home / 'run'}")
    return (*folders, f"--storage-driver={driver}")


def _storing(program: str, home: Path, options: tuple[str, ...]) -> Tool:
    credentials = home / "auth.json"
    credentials.write_text("{}")
    environment = {
        "HOME": str(home),
        "REGISTRY_AUTH_FILE": str(credentials),
        "TMPDIR": str(home),
    }
    return Tool(need(program), options=options, environment=environment)


@dataclass(frozen=True)
class DockerClient:
    """Docker, whose daemon speaks to the registry with what the client logged in with."""

    tool: Tool
    host: str
    folder: Path

    def login(self, user: str, password: str) -> None:
        self.tool.run("login", "-u", user, "-p", password, self.host)

    def refuse_login(self, user: str, password: str) -> None:
        self.tool.refuse("login", "-u", user, "-p", password, self.host)

    def logout(self) -> None:
        self.tool.run("logout", self.host)

    def push(self, content: Content, reference: str) -> None:
        self._load(content, reference)
        self.tool.run("push", reference)

    def refuse_push(self, content: Content, reference: str) -> str:
        self._load(content, reference)
        return self.tool.refuse("push", reference)

    def _load(self, content: Content, reference: str) -> None:
        archive = content.docker_archive(self.folder / "load.tar", reference)
        self.tool.run("load", "--input", archive)

    def pull(self, reference: str) -> None:
        self.tool.run("pull", reference)

    def refuse_pull(self, reference: str) -> str:
        return self.tool.refuse("pull", reference)


CLIENTS: dict[str, Callable[[Path, str], Client]] = {
    "skopeo": skopeo,
    "crane": crane,
    "oras": oras,
    "regctl": regctl,
    "podman": podman,
    "buildah": buildah,
}
"""Those that need no daemon."""
