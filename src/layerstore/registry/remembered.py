"""Manifests that were read before: their bytes never change, so they need not be read again (I6).

Asked only once a repository's link was read, and never whether something exists. What does not fit
its digest does not come in here.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from layerstore.oci.digest import Digest

REMEMBERED_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes of content that one process remembers."""

REMEMBERED_EACH_BYTES_MAX: Final = 256 * 1024
"""Bytes of one manifest; a longer one is read each time."""


class TypedContent(NamedTuple):
    """The bytes of a manifest, and the type that they say they are."""

    media_type: str
    content: bytes


class RememberedManifests:
    """The manifests that were asked for last, by the digest of their bytes."""

    def __init__(self, bytes_max: int = REMEMBERED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._known: OrderedDict[Digest, TypedContent] = OrderedDict()

    def get(self, digest: Digest) -> TypedContent | None:
        """What was remembered; None when it has to be read."""
        known = self._known.get(digest)
        if known is not None:
            self._known.move_to_end(digest)
        return known

    def keep(self, digest: Digest, read: TypedContent) -> None:
        """Remember content that has this digest, and forget what was not asked for longest."""
        if digest in self._known or len(read.content) > REMEMBERED_EACH_BYTES_MAX:
            return
        self._known[digest] = read
        self._bytes += len(read.content)
        while self._bytes > self._bytes_max:
            _, forgotten = self._known.popitem(last=False)
            self._bytes -= len(forgotten.content)
