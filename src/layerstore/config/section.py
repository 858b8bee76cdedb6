"""What every section of the tree is made of.

A section is a frozen struct; its fields are the keys, and the text below a field is its
documentation (`reference.py` reads it). A text that begins with `Ours:` tells of a key that only
Layerstore has, one with `v2:` of a key that version 3 of the original does not know any more.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

Duration = Annotated[float, Meta(extra={"is_duration": True})]
"""Seconds; written in the syntax of Go."""

Patience = Annotated[float, Meta(gt=0, extra={"is_duration": True})]
"""A duration that cannot be 0."""

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]

Words = Annotated[tuple[str, ...], Meta(extra={"is_comma_separated": True})]
"""A list that may be written as one text with commas."""

Secret = Annotated[str, Meta(extra={"is_secret": True})]
"""Text that nobody is shown."""

Headers = dict[str, tuple[str, ...]]
"""Names of headers, each with its values."""

SecretHeaders = Annotated[Headers, Meta(extra={"is_secret": True})]
"""Headers whose values nobody is shown."""


class Section(Struct, frozen=True, kw_only=True):
    """A mapping of the configuration."""

    other_names: ClassVar[Mapping[str, str]] = {}
    """Keys that are understood under a second name, with their first."""

    chooses: ClassVar[bool] = False
    """Whether a bare name chooses one of the keys: `auth: none`, `storage: {inmemory: }`."""

    exact: ClassVar[bool] = False
    """Whether an unknown key, or one without a value, is refused: where less would allow more."""

    closed: ClassVar[Mapping[str, str]] = {}
    """Keys of the original that nothing here can replace, with what to do instead."""
