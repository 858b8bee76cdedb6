"""What a check can find: kinds with stable names, how bad each is, and the desk that reports.

The desk looks twice. At the first look a thing may be half-way between two states; the second look
is taken while nobody changes it, and only what it sees is reported, and mended on the spot.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.storage.driver import PathNotFound, StorageError


class Severity(StrEnum):
    """How bad a finding is."""

    DAMAGE = "damage"
    """What was acknowledged is not served, is served wrong, or can be lost."""

    FLAW = "flaw"
    """Nothing is lost, but something is there that should not be, or the other way round."""

    NOTE = "note"
    """Worth knowing."""


class Kind(StrEnum):
    """What is the matter; programs may rely on these names."""

    BAD_BYTES = "bad-bytes"
    UNREADABLE = "unreadable"
    NO_DATA = "no-data"
    ORPHAN = "orphan"
    QUARANTINED = "quarantined"
    WHOLE_IN_QUARANTINE = "whole-in-quarantine"
    BROKEN_LINK = "broken-link"
    DANGLING_LINK = "dangling-link"
    NO_LAYERS_FOLDER = "no-layers-folder"
    LOST_MANIFEST = "lost-manifest"
    BAD_MANIFEST = "bad-manifest"
    MISSING_BLOB = "missing-blob"
    MISSING_CHILD = "missing-child"
    BAD_SIGNATURE = "bad-signature"
    LOST_SIGNATURE = "lost-signature"
    MISSING_REFERRER = "missing-referrer"
    STALE_REFERRER = "stale-referrer"
    TAG_WITHOUT_CURRENT = "tag-without-current"
    DANGLING_TAG = "dangling-tag"
    TAG_NOT_IN_INDEX = "tag-not-in-index"
    UNFINISHED_UPLOAD = "unfinished-upload"
    BAD_HASH_STATE = "bad-hash-state"
    LEFTOVER = "leftover"
    UNKNOWN_FILE = "unknown-file"
    UNDECIDED = "undecided"


SEVERITIES: Final = {
    Kind.BAD_BYTES: Severity.DAMAGE,
    Kind.UNREADABLE: Severity.DAMAGE,
    Kind.NO_DATA: Severity.NOTE,
    Kind.ORPHAN: Severity.NOTE,
    Kind.QUARANTINED: Severity.NOTE,
    Kind.WHOLE_IN_QUARANTINE: Severity.DAMAGE,
    Kind.BROKEN_LINK: Severity.DAMAGE,
    Kind.DANGLING_LINK: Severity.FLAW,
    Kind.NO_LAYERS_FOLDER: Severity.DAMAGE,
    Kind.LOST_MANIFEST: Severity.DAMAGE,
    Kind.BAD_MANIFEST: Severity.DAMAGE,
    Kind.MISSING_BLOB: Severity.DAMAGE,
    Kind.MISSING_CHILD: Severity.DAMAGE,
    Kind.BAD_SIGNATURE: Severity.DAMAGE,
    Kind.LOST_SIGNATURE: Severity.FLAW,
    Kind.MISSING_REFERRER: Severity.FLAW,
    Kind.STALE_REFERRER: Severity.FLAW,
    Kind.TAG_WITHOUT_CURRENT: Severity.DAMAGE,
    Kind.DANGLING_TAG: Severity.DAMAGE,
    Kind.TAG_NOT_IN_INDEX: Severity.FLAW,
    Kind.UNFINISHED_UPLOAD: Severity.FLAW,
    Kind.BAD_HASH_STATE: Severity.FLAW,
    Kind.LEFTOVER: Severity.FLAW,
    Kind.UNKNOWN_FILE: Severity.NOTE,
    Kind.UNDECIDED: Severity.NOTE,
}
"""How bad a finding of a kind is, unless the finding itself says otherwise."""

T = TypeVar("T")

Mend: TypeAlias = Callable[[], Awaitable[bool]]
"""Puts right what was found; False when there was nothing to put right any more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is the matter.

    `text` says what, in a sentence without its place; `repair` what mending does, or what a person
    can do where nothing else helps.
    """

    kind: Kind
    path: str
    text: str
    repair: str = ""
    repository: Name | None = None
    tag: Tag | None = None
    digest: Digest | None = None
    mend: Mend | None = field(default=None, compare=False, repr=False)
    is_mended: bool = False

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.kind]

    @property
    def can_be_mended(self) -> bool:
        return self.mend is not None


Report: TypeAlias = Callable[[Finding], None]
Look: TypeAlias = Callable[[], Awaitable[Sequence[Finding]]]
Quiet: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


class Desk:
    """Looks, looks again, mends if that is wanted, reports and counts."""

    def __init__(self, report: Report, *, repairs: bool) -> None:
        self._report = report
        self._repairs = repairs
        self.found: Counter[Severity] = Counter()
        self.mended: Counter[Severity] = Counter()
        self.is_complete = True
        """Whether everything could be looked at."""

    async def examine(self, path: str, look: Look, quiet: Quiet = nullcontext) -> None:
        """Report what two looks see, the second of them within `quiet`.

        A look that fails is a finding itself, and what vanishes meanwhile is none.
        """
        try:
            if not await look():
                return
            async with quiet():
                for finding in await look():
                    await self._settle(finding)
        except PathNotFound:
            return
        except StorageError as error:
            self.unreadable(path, error)
        except Unavailable as error:
            self.is_complete = False
            self.report(Finding(Kind.UNDECIDED, path, error.text, "check again"))

    async def _settle(self, finding: Finding) -> None:
        if self._repairs and finding.mend is not None:
            try:
                if not await finding.mend():
                    return
            except StorageError as error:
                text = f"{finding.text}; mending failed: {error.reason}"
                finding = replace(finding, text=text, repair="", mend=None)
            else:
                finding = replace(finding, is_mended=True)
        self.report(finding)

    async def listed(self, folder: str, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """The same items; a failure ends them, and is a finding."""
        try:
            async for item in items:
                yield item
        except StorageError as error:
            self.unreadable(folder, error)

    def unreadable(self, path: str, error: StorageError) -> None:
        """Report that the storage fails at a path."""
        self.is_complete = False
        text = f"the storage cannot read it: {error.reason}"
        self.report(Finding(Kind.UNREADABLE, path, text, "look after the storage"))

    def report(self, finding: Finding) -> None:
        """Report one finding as it is."""
        self.found[finding.severity] += 1
        self.mended[finding.severity] += finding.is_mended
        self._report(finding)

    def remaining(self, severity: Severity) -> int:
        """How many findings of that severity are not mended."""
        return self.found[severity] - self.mended[severity]
