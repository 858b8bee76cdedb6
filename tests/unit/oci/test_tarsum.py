"""TarSum digests: recognised, and told from digests of bytes (registry-facts §1.9)."""

from __future__ import annotations

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid
from layerstore.oci.tarsum import TarSum, parse_digest

HEX = "04b06d38c7cc20fd82664fb3b69d19ff297a01affe8a63c2f8c440cdc84137ae"


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        (f"tarsum.v1+sha256:{HEX}", ("tarsum", "v1", "sha256", HEX)),
        (f"tarsum+sha256:{HEX}", ("tarsum", "v0", "sha256", HEX)),
        (f"tarsum.dev+sha512:{HEX + HEX}", ("tarsum", "dev", "sha512", HEX + HEX)),
    ],
)
def test_a_tarsum_has_its_folders_and_comes_back_from_them(
    text: str, segments: tuple[str, ...]
) -> None:
    found = parse_digest(text)
    assert isinstance(found, TarSum)
    assert (found, found.segments) == (text, segments)
    assert TarSum.from_segments(*segments[1:]) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tarsum",
        f"tarsum.v1+sha256:{HEX[:-1]}",
        f"tarsum.v1+sha256:{HEX.upper()}",
        f"tarsum.v1+md5:{HEX[:32]}",
        f"tarsum.v1:{HEX}",
        f"tarsum.v0+sha256:{HEX}",
        f"tarsum.+sha256:{HEX}",
        f"tarsum.v/1+sha256:{HEX}",
        f"tarsum...+sha256:{HEX}",
        f"tarsum.v1+sha256:{HEX}\n",
        f"tarsum.{'v' * 17}+sha256:{HEX}",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(DigestInvalid):
        parse_digest(text)


def test_a_digest_of_bytes_is_no_tarsum() -> None:
    assert not isinstance(parse_digest(f"sha256:{HEX}"), TarSum)
    with pytest.raises(DigestInvalid):
        Digest.parse(f"tarsum.v1+sha256:{HEX}")
