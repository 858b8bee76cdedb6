"""Digests and the one door that checks them."""

import hashlib

import pytest

from layerstore.oci.digest import HEX_LENGTHS, Digest, PlainHasher, Verifier
from layerstore.oci.errors import DigestInvalid


@pytest.mark.parametrize("algorithm", sorted(HEX_LENGTHS))
def test_a_digest_is_its_text(algorithm: str) -> None:
    digest = Digest.of(b"layer", algorithm)
    assert digest == f"{algorithm}:{hashlib.new(algorithm, b'layer').hexdigest()}"
    assert (digest.algorithm, len(digest.hex)) == (algorithm, HEX_LENGTHS[algorithm])
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        f"sha256:{'0' * 63}",
        f"sha256:{'0' * 65}",
        f"sha256:{'A' * 64}",
        f"sha512:{'0' * 64}",
        f"md5:{'0' * 32}",
        f"SHA256:{'0' * 64}",
        f"sha256:{'0' * 64}\n",
        f" sha256:{'0' * 64}",
        f"sha256:{'٠' * 64}",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DigestInvalid):
        Digest.parse(text)


def test_what_fits_goes_through_the_verifier() -> None:
    verifier = Verifier(Digest.of(b"abcd"), PlainHasher())
    verifier.update(b"ab")
    verifier.update(b"cd")
    verifier.check()
    assert verifier.size == 4


@pytest.mark.parametrize("content", [b"", b"abc", b"abcde", b"abce"])
def test_what_does_not_fit_ends_at_the_verifier(content: bytes) -> None:
    verifier = Verifier(Digest.of(b"abcd"), PlainHasher())
    verifier.update(content)
    with pytest.raises(DigestInvalid):
        verifier.check()
