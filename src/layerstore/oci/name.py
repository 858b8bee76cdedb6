"""The grammars of repository names and tags, and what a reference is (registry-facts §2.2)."""

import re
from functools import lru_cache
from typing import Final, NewType, TypeAlias

from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestUnknown, NameInvalid

Name = NewType("Name", str)
"""A repository's name, known to fit the grammar."""

Tag = NewType("Tag", str)
"""A tag, known to fit the grammar."""

Reference: TypeAlias = Tag | Digest

NAME_LENGTH_MAX: Final = 255
"""Characters in a repository name."""

TAG_LENGTH_MAX: Final = 128
"""Characters in a tag."""

NAMES_KEPT: Final = 256
"""Names that were found to be such."""

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@lru_cache(NAMES_KEPT)
def parse_name(text: str) -> Name:
    """The repository name in `text`; NameInvalid when it is none."""
    if len(text) > NAME_LENGTH_MAX:
        raise NameInvalid({"limit": NAME_LENGTH_MAX}, message="the repository name is too long")
    if not _NAME.fullmatch(text):
        raise NameInvalid({"name": text})
    return Name(text)


def is_name(text: str) -> bool:
    return len(text) <= NAME_LENGTH_MAX and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def parse_reference(text: str) -> Reference:
    """A tag or a digest: a colon tells them apart, for no tag has one.

    Raises DigestInvalid for a broken digest and ManifestUnknown for a broken tag: nothing can
    ever be stored under either.
    """
    if ":" in text:
        return Digest.parse(text)
    if not is_tag(text):
        raise ManifestUnknown({"tag": text[:TAG_LENGTH_MAX]}, message="not a tag")
    return Tag(text)
