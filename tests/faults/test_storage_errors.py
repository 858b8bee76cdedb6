"""Every system call below a push, a pull and a delete fails once, in every way that it can.

What must hold: 507 for what is full and 503 for what cannot be used, or the request is done all
the same; nothing half written; other content goes on being read; and the same request succeeds as
soon as the fault is over, without a restart.
"""

from __future__ import annotations

import errno
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from layerstore.oci.digest import Digest
from layerstore.registry.paths import BlobData
from tests.edge import Answer, Served
from tests.faults.counts import IS_LONG, Counted
from tests.faults.failing_calls import FailingCalls
from tests.faults.images import Asked, Image
from tests.faults.remains import half_written, left_over
from tests.wire.configured import served

STRIDE = 1 if IS_LONG else 19
"""Of so many calls, one is made to fail."""

STRIDE_OF_OTHERS = 7
"""The same for errors that differ from the main ones in their name only."""

LAYER_BYTES = 140_000
"""More than is sent inline or read on the event loop."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNUSABLE = (errno.EIO, errno.EROFS, errno.EACCES, errno.ESTALE, errno.EMFILE, errno.ENFILE)
BARE = (errno.ENOMEM, errno.ENODEV, errno.ETIMEDOUT, errno.EUCLEAN)
EVERY = (*FULL, *UNUSABLE, *BARE)
STATUS = dict.fromkeys(FULL, 507) | dict.fromkeys((*UNUSABLE, *BARE), 503)
MAIN = (errno.ENOSPC, errno.EIO, errno.EMFILE)
SOME = EVERY if IS_LONG else (*MAIN, errno.EROFS)

STORAGE = """\
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http: {{secret: a secret of this test}}
"""


class Refused(Exception):
    """A request was answered by an error of the kind that was expected."""


class Client:
    """Asks a server; an answer that tells of a fault has to tell of the expected one."""

    def __init__(self, server: Served, expected: int | None = None) -> None:
        self._server = server
        self._expected = expected

    async def ask(self, asked: Asked) -> Answer:
        lines = "".join(f"{name}: {value}\r\n" for name, value in asked.headers)
        answer = await self._server.ask(
            asked.target, method=asked.method, headers=lines, body=asked.body
        )
        if answer.status == self._expected:
            check_words(answer)
            raise Refused
        assert answer.status == asked.takes, (asked.method, asked.target, answer)
        return answer

    async def push(self, image: Image) -> None:
        location = (await self.ask(image.begin)).headers["location"]
        location = (await self.ask(image.append(location))).headers["location"]
        await self.ask(image.finish(location))
        await self.ask(image.at_once)
        await self.ask(image.tagged)

    async def pull(self, image: Image) -> None:
        for asked, content in image.pulls:
            assert (await self.ask(asked)).body == content

    async def delete(self, image: Image) -> None:
        for asked in image.deletes:
            await self.ask(asked)


def check_words(answer: Answer) -> None:
    """The client learns that it may come back, and nothing about this machine."""
    assert answer.body is not None
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"] == "UNAVAILABLE"
    assert b"docker/registry" not in answer.body
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) > 0


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[Served]:
    async with served(STORAGE.format(root=folder / "root"), folder) as server:
        yield server


def clean(root: Path, *, but: str = "") -> None:
    """Nothing is half written; of temporaries nothing but what `but` could not take away."""
    assert half_written(root) == []
    if but not in ("unlink", "open", "openat2", "close"):
        assert left_over(root) == []


CASES = [
    pytest.param(what, error, id=f"{what}-{errno.errorcode[error]}")
    for what in ("push", "pull", "delete")
    for error in SOME
    if what != "pull" or error not in FULL
]


@pytest.mark.parametrize(("what", "error"), CASES)
async def test_every_call_that_fails_is_answered_and_leaves_nothing_half_done(
    what: str, error: int, quick_disk: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    calls = FailingCalls(monkeypatch)
    async with registry(quick_disk) as server:
        healthy, failing = Client(server), Client(server, STATUS[error])
        old = Image("old/image", LAYER_BYTES)
        await healthy.push(old)
        for number in itertools.count(
            1, STRIDE if error in MAIN else max(STRIDE, STRIDE_OF_OTHERS)
        ):
            image = Image(f"image{number}/of-this-test", LAYER_BYTES)
            if what != "push":
                await healthy.push(image)
            calls.fail(number, error)
            try:
                await getattr(failing, what)(image)
            except Refused:
                assert calls.failed, "an error that nobody injected"
            calls.cease()
            clean(quick_disk / "root", but=calls.failed)
            await healthy.pull(old)
            if not calls.failed:
                break
            counted("system calls that failed below a request")
            if what == "delete":
                await healthy.push(image)
            await getattr(healthy, what)(image)
            forget(quick_disk / "root", image)
        assert number > 1


def forget(root: Path, image: Image) -> None:
    """Take an image away behind the server's back, so that less has to be looked at."""
    shutil.rmtree(root / f"docker/registry/v2/repositories/{image.name.partition('/')[0]}")
    for content in (image.layer, image.config, image.manifest):
        place = Path(BlobData(Digest.of(content)).path[1:])
        shutil.rmtree(root / place.parent)


async def test_writes_that_are_cut_short_are_carried_on(
    quick_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = FailingCalls(monkeypatch)
    calls.writes_at_most = 7
    async with registry(quick_disk) as server:
        client, image = Client(server), Image("short/writes")
        await client.push(image)
        await client.pull(image)
    clean(quick_disk / "root")


async def test_a_call_that_a_signal_interrupts_is_made_again(
    quick_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = FailingCalls(monkeypatch)
    async with registry(quick_disk) as server:
        client = Client(server)
        for number in range(1, 40):
            calls.fail(number, errno.EINTR)
            await client.push(Image(f"interrupted/at-{number}"))
            assert calls.failed == "openat2"
