"""What answers say beside their content, in the form and the size that the specification allows."""

from __future__ import annotations

import re

import pytest

from layerstore.api import notices
from layerstore.oci.descriptor import MANIFEST_TYPES, SCHEMA1, SCHEMA1_SIGNED

TEXTS = [notices.SCHEMA1_DEPRECATED, notices.ONE_OF_MANY, notices.FALLBACK_TAG]
BYTES_MAX = 4_096
"""Of all Warning headers of one answer (specification, Warnings)."""


@pytest.mark.parametrize("text", TEXTS)
def test_a_warning_is_a_code_nobody_and_a_text(text: str) -> None:
    name, value = notices.warning(text)
    assert name == "warning"
    assert re.fullmatch(r'299 - "[ -~]+"', value)
    assert not set('"\\') & set(text)


def test_all_warnings_together_are_short_enough() -> None:
    assert sum(len("warning: ") + len(notices.warning(text)[1]) for text in TEXTS) <= BYTES_MAX


def test_only_schema_1_is_deprecated() -> None:
    assert not any(notices.of_type(kind) for kind in MANIFEST_TYPES)
    for kind in (SCHEMA1, SCHEMA1_SIGNED):
        assert list(notices.of_type(kind)) == [notices.warning(notices.SCHEMA1_DEPRECATED)]


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        ("sha256-" + "a" * 64, True),
        ("sha512-" + "0" * 64, True),
        ("sha256-" + "a" * 63, False),
        ("sha256-" + "A" * 64, False),
        ("sha256-" + "a" * 64 + ".sig", False),
        ("md5-" + "a" * 64, False),
        ("latest", False),
    ],
)
def test_a_fallback_tag_is_known_by_its_form(tag: str, is_one: bool) -> None:
    assert notices.is_fallback_tag(tag) == is_one
