"""A server under clients that push, pull and delete, and whose processes are killed meanwhile.

Each client works in repositories of its own and keeps a ledger: what the server has acknowledged
is certain, what broke off may be as before or as wished. Nothing is retried within a request.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random  # noqa: TID251  # seeded, so that a storm can be made again
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import yaml

from tests.clients.layout import OCI_CONFIG, OCI_MANIFEST, Layout
from tests.clients.raw_upload import RawUpload, SessionState
from tests.clients.registry_reader import Answer, RegistryReader
from tests.faults.crash_story import Ledger
from tests.processes import Process, family, free_port, running, wait_until
from tests.programs.tool import Tool, ToolFailed
from tests.servers import overlay, settings

WORKERS: Final = 2
LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"
LAYER_BYTES_MAX: Final = 200_000
TAGS: Final = ("one", "two", "three")
RESUMES_MAX: Final = 5
QUIET: Final = {"log": {"level": "warn", "accesslog": {"disabled": True}}}
STARTED: Final = b"Try:"
WORK_SECONDS: Final = 180.0
PUT_SECONDS: Final = 180.0
"""Longer than any pause: a manifest that is given up must not come under its tag later."""
COPY: Final = ("copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false")

Broken = (OSError, http.client.HTTPException)
"""What a client sees of a process that is killed."""


class Unanswered(Exception):
    """The server did not acknowledge what was asked for."""


def lives(pid: int) -> bool:
    """Whether there is such a process, not only its end."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class Victim:
    """A server that is started again, on the same address and storage, whenever it was killed."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "storage"
        self.log = folder / "log"
        self._port = free_port()
        self._configuration = folder / "registry.yml"
        self._configuration.write_text(yaml.safe_dump(self._settings()))
        (folder / "tmp").mkdir()
        self._environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
        self._life = ExitStack()
        self._process: Process | None = None

    def _settings(self) -> dict[str, Any]:
        return overlay(settings(self.root, self._port), QUIET | {"http": {"workers": WORKERS}})

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until all its workers have started: without any it gives up."""
        before = self.log.stat().st_size if self.log.exists() else 0
        program = Path(sys.executable).with_name("layerstore")
        life = running(
            [program, "serve", self._configuration],
            log=self.log,
            ready=lambda: STARTED in self._logged(before),
            environment=self._environment,
        )
        self._process = self._life.enter_context(life)

    def _logged(self, since: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read()

    def stop(self) -> None:
        """End it as an operator would."""
        self._life.close()

    def workers(self) -> list[int]:
        """The processes that serve now."""
        assert self._process is not None
        return family(self._process.pid)[1:]

    def kill(self) -> None:
        """Kill the whole server, and start another one when nothing of it is left."""
        assert self._process is not None
        members = family(self._process.pid)
        for pid in members:
            _signal(pid, signal.SIGKILL)
        self._process.wait()
        wait_until(lambda: not any(lives(pid) for pid in members), "the server is gone")
        self._life.close()
        self.start()

    def kill_worker(self, chance: random.Random) -> None:
        """Kill one of the workers."""
        _signal(self._some_worker(chance), signal.SIGKILL)

    def kill_worker_twice(self, chance: random.Random) -> None:
        """Kill one of the workers, and the one that takes its place as soon as there is one."""
        before = set(self.workers())
        self.kill_worker(chance)
        wait_until(lambda: bool(set(self.workers()) - before), "there is a new worker")
        for pid in set(self.workers()) - before:
            _signal(pid, signal.SIGKILL)

    def _some_worker(self, chance: random.Random) -> int:
        found: list[int] = []

        def look() -> bool:
            found[:] = self.workers()
            return bool(found)

        wait_until(look, "there is a worker")
        return chance.choice(found)

    @contextmanager
    def paused_worker(self, chance: random.Random) -> Iterator[None]:
        """One of the workers does nothing inside the block."""
        pid = self._some_worker(chance)
        _signal(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


class Image(NamedTuple):
    """A manifest and the blobs that it names; what it holds depends on the chance alone."""

    blobs: tuple[bytes, ...]
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


SHARED_LAYER: Final = hashlib.shake_128(b"a layer that every image has").digest(50_000)


def image(chance: random.Random) -> Image:
    """An image with a layer of its own and one that all share."""
    config = json.dumps({"os": "linux", "architecture": "amd64", "n": chance.random()}).encode()
    layers = (SHARED_LAYER, chance.randbytes(chance.randint(1, LAYER_BYTES_MAX)))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _described(config, OCI_CONFIG),
        "layers": [_described(layer, LAYER_TYPE) for layer in layers],
    }
    return Image((config, *layers), json.dumps(document).encode())


def _described(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


class Actor:
    """A client at work in the repository `name`; what it does next depends on its chance."""

    def __init__(self, host: str, name: str, seed: int) -> None:
        self.host = host
        self.name = name
        self.chance = random.Random(f"{seed} {name}")
        self.ledger = Ledger()
        self.images: dict[bytes, Image] = {}
        self.done: dict[str, int] = {"push": 0, "pull": 0, "delete": 0}
        self.wrong: list[str] = []

    def work(self, is_over: Callable[[], bool]) -> None:
        """Push, pull and delete until it is over; what goes wrong is kept, not raised."""
        while not is_over():
            verb = self.chance.choices(("push", "pull", "delete"), (5, 3, 2))[0]
            try:
                getattr(self, verb)(self.chance.choice(TAGS))
                self.done[verb] += 1
            except (*Broken, Unanswered, ToolFailed):
                continue
            except AssertionError as error:
                self.wrong.append(f"{self.name}: {error}")
            self._forget()

    def _forget(self) -> None:
        """Keep only the images that may still be there."""
        kept = {manifest for allowed in self.ledger.claims.values() for manifest in allowed}
        self.images = {key: one for key, one in self.images.items() if key in kept}

    def push(self, tag: str) -> None:
        """Bring a new image under the tag."""
        new = image(self.chance)
        self.images[new.manifest] = new
        with self.ledger.changing({tag: new.manifest}):
            self._bring(tag, new)

    def pull(self, tag: str) -> None:
        """Everything that is certain is served."""
        served = self.certain(tag)
        if served is None:
            raise Unanswered
        self._fetch(tag, served)

    def delete(self, tag: str) -> None:
        """Take the image away that the tag certainly leads to."""
        served = self.certain(tag)
        if served is None:
            raise Unanswered
        with self.ledger.changing({tag: None}):
            self._take_away(served)

    def certain(self, tag: str) -> Image | None:
        """What the tag leads to, if that is certain, and something."""
        (only, *more) = self.ledger.claims.get(tag, frozenset([None]))
        return None if more or only is None else self.images[only]

    def assert_all_is_there(self) -> None:
        """Of every tag that which may be there, with every byte of it."""
        for tag, allowed in self.ledger.claims.items():
            answer = self._reader.manifest(tag)
            found = answer.body if answer.status == 200 else None
            assert answer.status in (200, 404), (self.name, tag, answer)
            assert found in allowed, (self.name, tag, answer.status, len(allowed))
            if found is not None:
                self._compare(self.images[found])

    @property
    def _reader(self) -> RegistryReader:
        return RegistryReader(self.host, self.name)

    def _compare(self, served: Image) -> None:
        for blob in served.blobs:
            answer = self._reader.ask("GET", f"blobs/{digest_of(blob)}")
            _expect(answer, 200)
            assert answer.body == blob, f"{digest_of(blob)} has other bytes"

    def _bring(self, tag: str, new: Image) -> None:
        raise NotImplementedError

    def _fetch(self, tag: str, served: Image) -> None:
        answer = self._reader.manifest(tag)
        _expect(answer, 200)
        assert answer.body == served.manifest, f"{tag} leads to something else"
        self._compare(served)

    def _take_away(self, served: Image) -> None:
        _expect(self._reader.ask("DELETE", f"manifests/{served.digest}"), 202)


def _expect(answer: Answer | SessionState, status: int) -> None:
    """An overload is no answer; anything else than the status is wrong."""
    if answer.status in (429, 500, 502, 503, 504):
        raise Unanswered(answer.status)
    assert answer.status == status, answer


class RawActor(Actor):
    """Speaks HTTP itself: chunks, uploads taken up again, blobs in one request, mounts."""

    def _bring(self, tag: str, new: Image) -> None:
        for blob in new.blobs:
            if self._reader.ask("HEAD", f"blobs/{digest_of(blob)}").status != 200:
                self._upload(blob)
        self._put_manifest(tag, new)

    def _put_manifest(self, tag: str, new: Image) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=PUT_SECONDS)
        try:
            path = f"/v2/{self.name}/manifests/{tag}"
            connection.request("PUT", path, new.manifest, {"Content-Type": OCI_MANIFEST})
            response = connection.getresponse()
            _expect(Answer(response.status, {}, response.read()), 201)
        finally:
            connection.close()

    def _upload(self, blob: bytes) -> None:
        """In chunks of a session that is taken up where it stands when a worker is killed."""
        raw = RawUpload(self.host, self.name)
        state = raw.begin()
        _expect(state, 202)
        for _ in range(RESUMES_MAX):
            try:
                state = self._send_rest(raw, state, blob)
                status = raw.commit(state.location, digest_of(blob))
            except Broken:
                state = self._state(raw, state)
                continue
            _expect(Answer(status, {}, b""), 201)
            return
        raise Unanswered

    def _send_rest(self, raw: RawUpload, state: SessionState, blob: bytes) -> SessionState:
        while state.size < len(blob):
            size = self.chance.randint(2, max(2, len(blob)))
            sent = raw.send(state.location, state.size, blob[state.size : state.size + size])
            _expect(sent, 202)
            state = sent
        return state

    def _state(self, raw: RawUpload, state: SessionState) -> SessionState:
        """Where the session stands; Unanswered when it is gone, for it may be committed."""
        for _ in range(RESUMES_MAX):
            try:
                found = raw.state(state.location)
            except Broken:
                continue
            if found.status != 204:
                raise Unanswered(found.status)
            return found
        raise Unanswered


class ToolActor(Actor):
    """Works by a real client program, which has its own ways with what breaks off."""

    def __init__(self, host: str, name: str, seed: int, tool: Tool, folder: Path) -> None:
        super().__init__(host, name, seed)
        self._tool = tool
        self._folder = folder
        self._turn = 0

    def _layout(self, tag: str, new: Image) -> Path:
        layout = Layout(self._next_folder())
        document = json.loads(new.manifest)
        for blob, part in zip(new.blobs, (document["config"], *document["layers"]), strict=True):
            layout.add(blob, part["mediaType"])
        layout.name(**{tag: layout.add(new.manifest, OCI_MANIFEST)})
        return layout.folder

    def work(self, is_over: Callable[[], bool]) -> None:
        super().work(is_over)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _next_folder(self) -> Path:
        """A folder of this turn; that of the last one goes."""
        shutil.rmtree(self._folder / str(self._turn), ignore_errors=True)
        self._turn += 1
        return self._folder / str(self._turn)

    def _pulled(self, folder: Path, served: Image) -> None:
        layout = Layout(folder)
        for content in (served.manifest, *served.blobs):
            assert layout.blob(digest_of(content)).read_bytes() == content


class CraneActor(ToolActor):
    """crane push, crane pull, crane delete."""

    def _bring(self, tag: str, new: Image) -> None:
        self._tool.run("push", self._layout(tag, new), f"{self.host}/{self.name}:{tag}")

    def _fetch(self, tag: str, served: Image) -> None:
        folder = self._next_folder()
        self._tool.run("pull", "--format=oci", f"{self.host}/{self.name}:{tag}", folder)
        self._pulled(folder, served)

    def _take_away(self, served: Image) -> None:
        self._tool.run("delete", f"{self.host}/{self.name}@{served.digest}")


class SkopeoActor(ToolActor):
    """skopeo copy in and out, skopeo delete."""

    def _bring(self, tag: str, new: Image) -> None:
        source = f"oci:{self._layout(tag, new)}:{tag}"
        self._tool.run(*COPY, source, f"docker://{self.host}/{self.name}:{tag}")

    def _fetch(self, tag: str, served: Image) -> None:
        folder = self._next_folder()
        self._tool.run(*COPY, f"docker://{self.host}/{self.name}:{tag}", f"oci:{folder}:{tag}")
        self._pulled(folder, served)

    def _take_away(self, served: Image) -> None:
        place = f"docker://{self.host}/{self.name}@{served.digest}"
        self._tool.run("delete", "--tls-verify=false", place)


class Crowd:
    """Actors at work, each in a thread of its own."""

    def __init__(self, actors: Sequence[Actor]) -> None:
        self.actors = actors
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=actor.work, args=[self._over.is_set]) for actor in actors
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def done(self, verb: str | None = None) -> int:
        """How often something was acknowledged: one kind of work, or any."""
        verbs = [verb] if verb else ["push", "pull", "delete"]
        return sum(actor.done[each] for actor in self.actors for each in verbs)

    def wrong(self) -> list[str]:
        return [reason for actor in self.actors for reason in actor.wrong]

    def wait_for_work(self, count: int = 1) -> None:
        """Until so much more was acknowledged, or something is wrong."""
        goal = self.done() + count
        wait_until(
            lambda: self.done() >= goal or bool(self.wrong()), "some work is done", WORK_SECONDS
        )

    def wait_for_time(self, seconds: float) -> None:
        """Until so many seconds have passed, or something is wrong."""
        end = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > end or bool(self.wrong()), "the pause", 2 * seconds)
