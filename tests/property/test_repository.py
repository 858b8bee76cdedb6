"""Manifests, tags and referrers in any order of requests do what two dictionaries do."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.api.direct import DirectWire
from tests.wire.stock import OCI_INDEX, descriptor, digest_of, index, put_manifest

REPOSITORY = "a/b"
SUBJECT = descriptor(b"which nobody ever pushed", OCI_INDEX)
TAGS = ["1", "a", "a-b", "a.b", "ab", "sha256-" + "a" * 64, "Z"]
TYPES = [None, "application/x", "application/y+json"]

numbers = st.integers(0, 6)
tags = st.sampled_from(TAGS)
types = st.sampled_from(TYPES)


def manifest(number: int, kind: str | None) -> bytes:
    """An index that differs by its number; those with an odd one have the subject."""
    more: dict[str, Any] = {"annotations": {"number": str(number)}}
    more |= {} if kind is None else {"artifactType": kind}
    more |= {"subject": SUBJECT} if number % 2 else {}
    return index(**more)


class Manifests(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.wire = DirectWire(self.runner)
        self.manifests: dict[str, tuple[bytes, str | None]] = {}
        self.tags: dict[str, str] = {}

    def teardown(self) -> None:
        self.runner.close()

    def put(self, reference: str, number: int, kind: str | None) -> str:
        content = manifest(number, kind)
        answer = put_manifest(self.wire, REPOSITORY, reference, content)
        assert answer.status == 201
        assert (answer.header("oci-subject") is not None) == bool(number % 2)
        digest = digest_of(content)
        self.manifests[digest] = content, kind
        return digest

    def delete(self, reference: str) -> int:
        return self.wire.ask("DELETE", f"/v2/{REPOSITORY}/manifests/{reference}").status

    @rule(tag=tags, number=numbers, kind=types)
    def put_by_tag(self, tag: str, number: int, kind: str | None) -> None:
        self.tags[tag] = self.put(tag, number, kind)

    @rule(named=st.lists(tags, max_size=3), number=numbers, kind=types)
    def put_by_digest(self, named: list[str], number: int, kind: str | None) -> None:
        query = "&".join(f"tag={tag}" for tag in named)
        reference = f"{digest_of(manifest(number, kind))}?{query}"
        digest = self.put(reference, number, kind)
        self.tags |= dict.fromkeys(named, digest)

    @rule(tag=tags)
    def delete_tag(self, tag: str) -> None:
        assert self.delete(tag) == (202 if tag in self.tags else 404)
        self.tags.pop(tag, None)

    @precondition(lambda self: self.manifests)
    @rule(number=st.integers(0, 20))
    def delete_manifest(self, number: int) -> None:
        digest = list(self.manifests)[number % len(self.manifests)]
        assert self.delete(digest) == 202
        assert self.delete(digest) == 404
        del self.manifests[digest]
        self.tags = {tag: at for tag, at in self.tags.items() if at != digest}

    @precondition(lambda self: self.manifests)
    @rule()
    def delete_repository(self) -> None:
        target = f"/v2/_layerstore/repositories/{REPOSITORY}"
        assert self.wire.ask("DELETE", target).status == 202
        self.manifests, self.tags = {}, {}

    @invariant()
    def tags_lead_where_they_were_put(self) -> None:
        answer = self.wire.ask("GET", f"/v2/{REPOSITORY}/tags/list")
        assert answer.status == 200 or not self.manifests  # without any it need not exist
        if answer.status == 200:
            assert answer.json()["tags"] == sorted(self.tags)
        for tag in TAGS:
            found = self.wire.ask("HEAD", f"/v2/{REPOSITORY}/manifests/{tag}")
            assert found.header("docker-content-digest") == self.tags.get(tag)

    @invariant()
    def manifests_come_back(self) -> None:
        for digest, (content, _) in self.manifests.items():
            assert self.wire.ask("GET", f"/v2/{REPOSITORY}/manifests/{digest}").body == content

    @invariant()
    def referrers_are_those_that_are_there(self) -> None:
        for kind in TYPES:
            query = "" if kind is None else f"?artifactType={kind.replace('+', '%2B')}"
            target = f"/v2/{REPOSITORY}/referrers/{SUBJECT['digest']}{query}"
            listed = self.wire.ask("GET", target).json()["manifests"]
            assert [entry["digest"] for entry in listed] == self.referrers(kind)

    def referrers(self, kind: str | None) -> list[str]:
        return sorted(
            digest
            for digest, (content, own) in self.manifests.items()
            if b'"subject"' in content and kind in (None, own)
        )


TestManifests = Manifests.TestCase
TestManifests.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
