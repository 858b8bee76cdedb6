"""Uploads and blobs in any order of requests do what a few dictionaries of bytes do.

A client here keeps every Location that it was ever given, and uses old ones too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.api.direct import DirectWire
from tests.wire.client import Answer
from tests.wire.stock import digest_of

START = "/v2/a/blobs/uploads/"
ALGORITHMS = st.sampled_from(["sha256", "sha384", "sha512"])
CONTENT = st.binary(max_size=40)


@dataclass
class Session:
    """What one upload holds; `locations` are the addresses told so far, with where it stood."""

    content: bytes = b""
    locations: list[tuple[str, int]] = field(default_factory=list)
    over: bool = False

    @property
    def location(self) -> str:
        return self.locations[-1][0]


class Uploads(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.wire = DirectWire(self.runner)
        self.sessions: list[Session] = []
        self.blobs: dict[str, bytes] = {}

    def teardown(self) -> None:
        self.runner.close()

    def session(self, number: int) -> Session:
        return self.sessions[number % len(self.sessions)]

    def hear(self, session: Session, answer: Answer) -> None:
        """Believe where an answer says that the session stands, if it is where it does."""
        size = len(session.content)
        assert answer.header("docker-upload-size") == str(size)
        assert answer.header("range") == f"0-{max(size - 1, 0)}"
        session.locations.append((answer.location, size))

    @rule()
    def start(self) -> None:
        answer = self.wire.ask("POST", START)
        assert answer.status == 202
        session = Session()
        self.sessions.append(session)
        self.hear(session, answer)

    @rule(content=CONTENT, algorithm=ALGORITHMS)
    def post_whole(self, content: bytes, algorithm: str) -> None:
        digest = digest_of(content, algorithm)
        assert self.wire.ask("POST", f"{START}?digest={digest}", body=content).status == 201
        self.blobs[digest] = content

    @precondition(lambda self: self.sessions)
    @rule(number=st.integers(0, 9), past=st.integers(0, 9), content=CONTENT)
    def patch(self, number: int, past: int, content: bytes) -> None:
        """With any Location that was ever told: only one that still holds adds something."""
        session = self.session(number)
        location, stood = session.locations[-1 - past % len(session.locations)]
        answer = self.wire.ask("PATCH", location, body=content)
        if session.over:
            assert answer.status == 404
            return
        if stood == len(session.content):
            assert answer.status == 202
            session.content += content
        else:
            assert answer.status == 416
        self.hear(session, answer)

    @precondition(lambda self: self.sessions)
    @rule(number=st.integers(0, 9), first=st.integers(0, 60), content=CONTENT.filter(bool))
    def patch_in_place(self, number: int, first: int, content: bytes) -> None:
        session = self.session(number)
        span = {"Content-Range": f"{first}-{first + len(content) - 1}"}
        answer = self.wire.ask("PATCH", session.location, span, content)
        if session.over:
            assert answer.status == 404
            return
        if first == len(session.content):
            assert answer.status == 202
            session.content += content
        else:
            assert answer.status == 416
        self.hear(session, answer)

    @precondition(lambda self: self.sessions)
    @rule(number=st.integers(0, 9), last=CONTENT, algorithm=ALGORITHMS, fits=st.booleans())
    def finish(self, number: int, last: bytes, algorithm: str, fits: bool) -> None:
        session = self.session(number)
        whole = session.content + last
        digest = digest_of(whole if fits else whole + b"!", algorithm)
        answer = self.wire.ask("PUT", f"{session.location}&digest={digest}", body=last)
        if session.over:
            assert answer.status == 404
            return
        assert answer.status == (201 if fits else 400)
        session.over = True
        if fits:
            self.blobs[digest] = whole

    @precondition(lambda self: self.sessions)
    @rule(number=st.integers(0, 9), past=st.integers(0, 9))
    def cancel(self, number: int, past: int) -> None:
        session = self.session(number)
        location, _ = session.locations[-1 - past % len(session.locations)]
        assert self.wire.ask("DELETE", location).status == (404 if session.over else 204)
        session.over = True

    @precondition(lambda self: self.blobs)
    @rule(number=st.integers(0, 9))
    def delete(self, number: int) -> None:
        digest = list(self.blobs)[number % len(self.blobs)]
        assert self.wire.ask("DELETE", f"/v2/a/blobs/{digest}").status == 202
        del self.blobs[digest]
        assert self.wire.ask("HEAD", f"/v2/a/blobs/{digest}").status == 404

    @invariant()
    def every_session_tells_where_it_stands(self) -> None:
        for session in self.sessions:
            answer = self.wire.ask("GET", session.locations[0][0])
            assert answer.status == (404 if session.over else 204)
            if not session.over:
                assert answer.header("docker-upload-size") == str(len(session.content))

    @invariant()
    def every_blob_is_whole(self) -> None:
        for digest, content in self.blobs.items():
            assert self.wire.ask("GET", f"/v2/a/blobs/{digest}").body == content


TestUploads = Uploads.TestCase
TestUploads.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
