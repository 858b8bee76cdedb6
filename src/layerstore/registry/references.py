"""Whether everything that a manifest names is there, and allowed: all that is wrong, at once.

Only this repository's own view counts (I4): a blob linked here, a child that is a revision here.
A subject need not be there (distribution specification, Pushing Manifests with Subject).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    Denied,
    ManifestBlobUnknown,
    ManifestInvalid,
    RegistryError,
    raise_all,
)
from layerstore.oci.manifest import (
    MANIFEST_BYTES_MAX,
    REFERENCES_MAX,
    Manifest,
    Target,
    parse,
)
from layerstore.registry.blobs import LinkedBlobs
from layerstore.registry.revisions import RevisionStore

INDEX_DEPTH_MAX: Final = 8
"""Indexes within indexes, unless a setting says otherwise."""

_Holds = Callable[[Digest], Awaitable[bool]]

_CHECKS_AT_ONCE: Final = 16
_ERRORS_MAX: Final = 100
"""Errors told of one manifest; the rest would help nobody."""

_IMAGE_CONFIGS: Final = frozenset(
    {
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.oci.image.config.v1+json",
        SCHEMA1_SIGNED,  # stands for itself: it has no configuration beside it
    }
)
_PLUGIN_CONFIG: Final = "application/vnd.docker.plugin.v1+json"


@dataclass(frozen=True, slots=True)
class ManifestRules:
    """What is asked of a pushed manifest (registry-facts §3.2, `validation` and `policy`).

    `references` is ours: with `none` nothing that a manifest names needs to be there.
    `platforms` says which children of an index do: all, none, or those of the listed
    (os, architecture). URLs are searched for the patterns; with neither list no URL is allowed.
    """

    references: Literal["all", "none"] = "all"
    platforms: Literal["all", "none"] | frozenset[tuple[str, str]] = "all"
    url_allow: re.Pattern[str] | None = None
    url_deny: re.Pattern[str] | None = None
    classes: frozenset[str] = field(default_factory=frozenset)
    bytes_max: int = MANIFEST_BYTES_MAX
    references_max: int = REFERENCES_MAX
    index_depth_max: int = INDEX_DEPTH_MAX

    def wants_child(self, child: Target) -> bool:
        """Whether this child of an index has to be there."""
        if isinstance(self.platforms, str):
            return self.platforms == "all"
        platform = child.platform
        return platform is not None and (platform.os, platform.architecture) in self.platforms


def pattern_of(expressions: Sequence[str]) -> re.Pattern[str] | None:
    """One pattern that finds any of the expressions; None when there are none."""
    if not expressions:
        return None
    return re.compile("|".join(f"(?:{expression})" for expression in expressions))


class ReferenceCheck:
    """Checks manifests against the rules and against what one repository sees."""

    def __init__(self, rules: ManifestRules, blobs: LinkedBlobs, revisions: RevisionStore) -> None:
        self._rules = rules
        self._blobs = blobs
        self._revisions = revisions

    async def check(self, manifest: Manifest) -> None:
        """Raise all that is wrong: Denied, ManifestInvalid, ManifestBlobUnknown, or several."""
        self._check_class(manifest)
        errors = [error for target in manifest.blobs() for error in self._url_errors(target)]
        if self._rules.references == "all":
            errors += await self._absent(manifest)
        raise_all(errors[:_ERRORS_MAX])
        if manifest.is_index:
            await self._check_depth(manifest)

    def _check_class(self, manifest: Manifest) -> None:
        if not self._rules.classes:
            return
        kind = manifest.media_type if manifest.config is None else manifest.config.media_type
        if manifest.config is None and kind != SCHEMA1_SIGNED:
            return
        allowed = ("image" in self._rules.classes and kind in _IMAGE_CONFIGS) or (
            "plugin" in self._rules.classes and kind == _PLUGIN_CONFIG
        )
        if not allowed:
            raise Denied({"config": kind}, message="content of this class is not taken here")

    def _url_errors(self, target: Target) -> list[RegistryError]:
        return [
            ManifestInvalid({"url": url[:512]}, message="a layer's URL is not allowed")
            for url in target.urls or ()
            if not self._url_allowed(url)
        ]

    def _url_allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment:
            return False
        rules = self._rules
        if rules.url_deny is not None and rules.url_deny.search(url):
            return False
        if rules.url_allow is None:
            return rules.url_deny is not None
        return rules.url_allow.search(url) is not None

    async def _absent(self, manifest: Manifest) -> list[RegistryError]:
        blobs = {target.digest for target in manifest.blobs() if not target.may_live_elsewhere}
        children = {child.digest for child in manifest.children if self._rules.wants_child(child)}
        questions = [(digest, self._blobs.holds) for digest in sorted(blobs)]
        questions += [(digest, self._revisions.holds) for digest in sorted(children)]
        absent = await _absent_of(questions)
        return [ManifestBlobUnknown(digest) for digest in absent]

    async def _check_depth(self, manifest: Manifest) -> None:
        """Indexes in indexes, level by level, each digest once (bug museum 6)."""
        seen: set[Digest] = set()
        level = [manifest]
        for _ in range(self._rules.index_depth_max):
            level = [index for parent in level for index in await self._indexes(parent, seen)]
            if not level:
                return
        raise ManifestInvalid(
            {"limit": self._rules.index_depth_max}, message="indexes are nested too deeply"
        )

    async def _indexes(self, parent: Manifest, seen: set[Digest]) -> list[Manifest]:
        found = []
        for child in parent.children:
            if child.digest in seen:
                continue
            seen.add(child.digest)
            index = await self._index(child)
            if index is not None:
                found.append(index)
        return found

    async def _index(self, child: Target) -> Manifest | None:
        if Manifest(child.media_type).is_index:
            stored = await self._revisions.get(child.digest)
            if stored is not None:
                return parse(stored.content, stored.media_type)
        return None


async def _absent_of(questions: Sequence[tuple[Digest, _Holds]]) -> list[Digest]:
    """The digests that are not there, in the order of the questions; some are asked at a time."""
    left = iter(enumerate(questions))
    absent: dict[int, Digest] = {}

    async def ask() -> None:
        for number, (digest, holds) in left:
            if not await holds(digest):
                absent[number] = digest
            await asyncio.sleep(0)  # an answer from memory gives nobody else a turn

    askers = min(len(questions), _CHECKS_AT_ONCE)
    await asyncio.gather(*(ask() for _ in range(askers)))
    return [absent[number] for number in sorted(absent)]
