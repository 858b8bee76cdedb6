"""docs/migration.md, done word by word: every file of it written, every command of it run.

What is put in the place of what: the folders and the ports of the page are those of the test, and
nothing else (`Page.translated`). A `console` block has commands behind `$ `, whose further lines
begin with `> `, and under each what it prints: exactly that, where `…` is anything, and as a line
by itself any lines. All of them run in one shell, one after the other, and have to succeed, but
`diff`, which says by its status that it printed something.
"""

from __future__ import annotations

import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.content import TAG, Contents
from tests.clients.registry_reader import RegistryReader
from tests.processes import free_port, stop
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import ORIGINALS, QUIET, layerstore_server, original_server

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
COMMAND_SECONDS = 60
PORTS = ("5000", "5001", "5002")
ANYTHING = "…"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"`([\w./-]+)`:\n\n\Z")
OF_THE_SHELL = re.compile(r"(\[\d+\]|.*: line \d+: +\d+ (Terminated|Done|Exit)).*")
"""What a shell says of its jobs, each in its own way."""


@dataclass(frozen=True)
class File:
    path: str
    content: str


@dataclass(frozen=True)
class Command:
    text: str
    prints: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """The page with the test's folders and ports in the place of those that it names."""

    root: Path
    ports: tuple[int, ...]

    def translated(self, text: str) -> str:
        text = text.replace("/etc/docker/registry", str(self.root / "etc"))
        text = text.replace("/var/lib/registry", str(self.root / "storage"))
        for named, port in zip(PORTS, self.ports, strict=True):
            text = re.sub(rf"\b{named}\b", str(port), text)
        return text

    def steps(self) -> Iterator[File | Command]:
        text = PAGE.read_text()
        for block in FENCE.finditer(text):
            kind, content = block[1], self.translated(block[2])
            if kind == "console":
                yield from commands(content)
            else:
                named = FILE_NAME.search(text, 0, block.start())
                assert named is not None, f"a file without a name: {content}"
                yield File(self.translated(named[1]), content)


def commands(block: str) -> Iterator[Command]:
    """The commands of a console block, with what each prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines()
        text = [first]
        while rest and rest[0].startswith("> ") and is_open("\n".join(text)):
            text.append(rest.pop(0).removeprefix("> "))
        yield Command("\n".join(text), tuple(rest))


def is_open(text: str) -> bool:
    """Whether a shell would ask for more."""
    return (
        subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False).returncode != 0
    )


def pattern(prints: tuple[str, ...]) -> re.Pattern[str]:
    lines = [
        r"(?:.*\n)*" if line == ANYTHING else re.escape(line).replace(ANYTHING, ".*") + r"\n"
        for line in prints
    ]
    return re.compile("".join(lines))


class Shell:
    """One bash for all commands, with its jobs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0

    def run(self, text: str) -> tuple[int, str]:
        """The exit status, and all that was printed, without what the shell says of its jobs."""
        self._number += 1
        mark = f"-- command {self._number} ended with "
        self._write(f"{text}\nprintf '\\n%s%s\\n' '{mark}' $?\n")
        printed = self._read(mark)
        output, _, status = printed.rpartition(f"\n{mark}")
        lines = [line for line in output.splitlines() if not OF_THE_SHELL.fullmatch(line)]
        return int(status), "".join(f"{line}\n" for line in lines if line)

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def _read(self, mark: str) -> str:
        output = self._process.stdout
        assert output is not None
        printed = b""
        ended = re.compile(re.escape(mark).encode() + rb"\d+\n")
        while not ended.search(printed):
            ready, _, _ = select.select([output], [], [], COMMAND_SECONDS)
            assert ready, f"nothing more within {COMMAND_SECONDS} s: {printed.decode()}"
            piece = output.read1(65536)  # type: ignore[attr-defined]  # BufferedReader has it
            assert piece, f"the shell ended: {printed.decode()}"
            printed += piece
        return printed.decode()


@contextmanager
def shell(folder: Path, programs: Path) -> Iterator[Shell]:
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        ["bash", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**environment, **QUIET},
        start_new_session=True,
    )
    running = Shell(process)
    running.run("set -m")
    try:
        yield running
    finally:
        if process.poll() is None:
            running.run("kill $(jobs -p)")
        stop(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def programs(tmp_path: Path, version: int) -> Path:
    """A folder with the programs that the page calls by name, one version of the original's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    found = {
        "docker-registry": need(ORIGINALS[version]),
        "layerstore": Path(sys.executable).with_name("layerstore"),
        "crane": need("crane"),
        "nginx": need("nginx"),
        "curl": need("curl"),
    }
    for name, program in found.items():
        (folder / name).symlink_to(program)
    return folder


@pytest.mark.parametrize("version", ORIGINALS)
def test_the_page_is_true_word_by_word(
    version: int, programs: Path, contents: Contents, home: Path, tmp_path: Path
) -> None:
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
    crane = Tool(need("crane"), environment=environment)
    with original_server(tmp_path / "storage", version=version) as server:
        for kind in ("small", "index"):
            source = getattr(contents, kind).layout.folder
            crane.run("push", source, f"{server.host}/before/{kind}:{TAG}")
    work = tmp_path / "work"
    work.mkdir()
    page = Page(tmp_path, tuple(free_port() for _ in PORTS))
    with shell(work, programs) as bash:
        for step in page.steps():
            if isinstance(step, File):
                file = work / step.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(step.content)
                continue
            status, printed = bash.run(step.text)
            assert pattern(step.prints).fullmatch(printed), (step, printed)
            assert status == 0 or step.text.startswith(("diff", "kill")), (step, status, printed)
    with layerstore_server(tmp_path / "storage", workers=1) as server:
        for kind in ("small", "index"):
            RegistryReader(server.host, f"before/{kind}").assert_holds(getattr(contents, kind), TAG)


STORAGE_TAG = {"storage": {"tag": {"concurrencylimit": 8}}}


def test_version_2_alone_refuses_a_key_of_version_3(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="ended"),
        original_server(tmp_path / "two", config=STORAGE_TAG),
    ):
        pass
    with original_server(tmp_path / "three", config=STORAGE_TAG, version=3):
        pass
    with layerstore_server(tmp_path / "ours", config=STORAGE_TAG, workers=1):
        pass
