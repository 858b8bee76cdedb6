"""Requests of every kind, with what each needs, and what a registry answers that lets it in.

The needs stand here as the token protocol has them: GET and HEAD pull, what adds content pulls and
pushes, DELETE deletes, a mount pulls from its source too.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.property.who_may import CATALOG, Need
from tests.wire.client import Answer
from tests.wire.stock import ABSENT, CONFIG, LAYER, OCI_MANIFEST, digest_of, image

REPOSITORIES = ("public/app", "team/app", "users/alice/x", "secret/vault")
NOBODY_BEGAN = "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"

_numbers = itertools.count()


class Ask(Protocol):
    """Makes one request, from an address, and hears the answer."""

    def __call__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        address: str = "192.0.2.1",
    ) -> Answer: ...


@dataclass(frozen=True)
class Action:
    """What is asked of a repository.

    `needs` are actions there, in the words of tokens; `tags` what becomes of tags: create,
    overwrite. `target` may name a `{repo}`, a `{source}` to mount from, and a `{new}` tag. The
    body, if any, is a manifest that nobody has seen before (`content` new) or the one that is
    there (`same`), or a blob.
    """

    method: str
    target: str
    status: int
    needs: Sequence[str] = ("pull",)
    tags: Sequence[str] = ()
    content: str = ""
    below: str = ""

    def needed(self, repo: str, source: str) -> list[Need]:
        if self.target == "/v2/_catalog":
            return [CATALOG]
        own = [Need("repository", repo + self.below, action) for action in self.needs]
        mounted = [Need("repository", source, "pull")] if "{source}" in self.target else []
        return own + mounted


UPLOADS = "/v2/{repo}/blobs/uploads/"
SESSION = UPLOADS + NOBODY_BEGAN
MANIFESTS = "/v2/{repo}/manifests/"
LAYER_DIGEST = digest_of(LAYER)
PUSH, DELETE = ("pull", "push"), ("delete",)

ACTIONS: Mapping[str, Action] = {
    "the base": Action("GET", "/v2/", 200, ()),
    "the catalog": Action("GET", "/v2/_catalog", 200),
    "a manifest": Action("GET", MANIFESTS + "kept", 200),
    "the head of a manifest": Action("HEAD", MANIFESTS + "kept", 200),
    "a blob": Action("GET", "/v2/{repo}/blobs/" + LAYER_DIGEST, 200),
    "the head of a blob": Action("HEAD", "/v2/{repo}/blobs/" + LAYER_DIGEST, 200),
    "the tags": Action("GET", "/v2/{repo}/tags/list", 200),
    "the referrers": Action("GET", "/v2/{repo}/referrers/" + ABSENT, 200),
    "the extensions": Action("GET", "/v2/{repo}/_oci/ext/discover", 200),
    "a new tag": Action("PUT", MANIFESTS + "{new}", 201, PUSH, ["create"], "new"),
    "a tag led elsewhere": Action("PUT", MANIFESTS + "moving", 201, PUSH, ["overwrite"], "new"),
    "a tag as it is": Action("PUT", MANIFESTS + "kept", 201, PUSH, (), "same"),
    "a manifest without a tag": Action("PUT", MANIFESTS + "{digest}", 201, PUSH, (), "new"),
    "two tags": Action(
        "PUT",
        MANIFESTS + "{digest}?tag={new}&tag=moving",
        201,
        PUSH,
        ["create", "overwrite"],
        "new",
    ),
    "an upload": Action("POST", UPLOADS, 202, PUSH),
    "a blob at once": Action("POST", UPLOADS + "?digest=" + LAYER_DIGEST, 201, PUSH, (), "blob"),
    "a mount": Action("POST", UPLOADS + f"?mount={LAYER_DIGEST}&from={{source}}", 201, PUSH),
    "the status of an upload": Action("GET", SESSION, 404),
    "a chunk": Action("PATCH", SESSION, 404, PUSH),
    "the end of an upload": Action("PUT", SESSION + "?digest=" + LAYER_DIGEST, 404, PUSH),
    "an upload given up": Action("DELETE", SESSION, 404, DELETE),
    "a tag deleted": Action("DELETE", MANIFESTS + "absent", 404, DELETE),
    "a manifest deleted": Action("DELETE", MANIFESTS + ABSENT, 404, DELETE),
    "a blob deleted": Action("DELETE", "/v2/{repo}/blobs/" + ABSENT, 404, DELETE),
    "a repository deleted": Action(
        "DELETE", "/v2/_layerstore/repositories/{repo}/absent", 404, DELETE, below="/absent"
    ),
}


def new_manifest() -> bytes:
    return image(annotations={"number": str(next(_numbers))})


def body_of(action: Action) -> bytes:
    match action.content:
        case "new":
            return new_manifest()
        case "same":
            return image()
        case "blob":
            return LAYER
        case _:
            return b""


def send(ask: Ask, action: Action, repo: str, authorization: str | None, address: str) -> Answer:
    """The answer to that action there."""
    body = body_of(action)
    source = source_of(repo)
    new, digest = f"new-{next(_numbers)}", digest_of(body)
    target = action.target.format(repo=repo, source=source, new=new, digest=digest)
    headers = {} if authorization is None else {"Authorization": authorization}
    if action.content in ("new", "same"):
        headers["Content-Type"] = json.loads(body)["mediaType"]
    return ask(action.method, target, headers, body, address=address)


def source_of(repo: str) -> str:
    """Where a mount into a repository looks: the next one."""
    return REPOSITORIES[(REPOSITORIES.index(repo) + 1) % len(REPOSITORIES)]


def stock(ask: Ask, authorization: str) -> None:
    """An image under two tags in each repository, by somebody who may do everything."""
    sent = {"Authorization": authorization}
    for repo in REPOSITORIES:
        for blob in (CONFIG, LAYER):
            target = f"/v2/{repo}/blobs/uploads/?digest={digest_of(blob)}"
            assert ask("POST", target, sent, blob).status == 201
        for tag in ("kept", "moving"):
            headers = {**sent, "Content-Type": OCI_MANIFEST}
            assert ask("PUT", f"/v2/{repo}/manifests/{tag}", headers, image()).status == 201
