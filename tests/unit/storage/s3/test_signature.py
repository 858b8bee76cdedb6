"""Signatures are those of Amazon's own examples (S3 API reference, "Authenticating Requests")."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from layerstore.storage.s3.signature import EMPTY_SHA256, Credentials, Signer, Target

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = "examplebucket.s3.amazonaws.com"
MOMENT = datetime(2013, 5, 24, tzinfo=UTC)
SENT = b"Welcome to Amazon S3."


@pytest.mark.parametrize(
    ("target", "headers", "content_sha256", "signature"),
    [
        (
            Target("GET", HOST, "/test.txt"),
            {"range": "bytes=0-9"},
            EMPTY_SHA256,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Target("PUT", HOST, "/test%24file.text"),
            {
                "date": "Fri, 24 May 2013 00:00:00 GMT",
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
            },
            sha256(SENT).hexdigest(),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Target("GET", HOST, "/", [("lifecycle", "")]),
            {},
            EMPTY_SHA256,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Target("GET", HOST, "/", [("prefix", "J"), ("max-keys", "2")]),
            {},
            EMPTY_SHA256,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
    ids=["a span", "an object", "a setting", "a list"],
)
def test_headers_are_signed_as_in_the_examples(
    target: Target, headers: dict[str, str], content_sha256: str, signature: str
) -> None:
    signed = Signer("us-east-1").headers(target, headers, content_sha256, EXAMPLE, MOMENT)
    assert signed["authorization"].endswith(f"Signature={signature}")
    assert "/20130524/us-east-1/s3/aws4_request, " in signed["authorization"]


def test_an_address_is_signed_as_in_the_example() -> None:
    query = Signer("us-east-1").query(Target("GET", HOST, "/test.txt"), EXAMPLE, MOMENT, 86400)
    assert query.endswith(
        "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    assert (
        "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" in query
    )


def test_a_token_that_was_lent_is_signed_too() -> None:
    lent = Credentials("key", "secret", "token/of=mine")
    signed = Signer("us-east-1").headers(Target("GET", HOST, "/"), {}, EMPTY_SHA256, lent, MOMENT)
    assert signed["x-amz-security-token"] == "token/of=mine"
    assert "x-amz-date;x-amz-security-token," in signed["authorization"]
    query = Signer("us-east-1").query(Target("GET", HOST, "/"), lent, MOMENT, 60)
    assert "X-Amz-Security-Token=token%2Fof%3Dmine&" in query


def test_another_day_and_another_secret_have_another_key() -> None:
    signer, target = Signer("us-east-1"), Target("GET", HOST, "/test.txt")
    moments = (MOMENT, datetime(2013, 5, 25, tzinfo=UTC), MOMENT)
    first, next_day, again = (
        signer.headers(target, {}, EMPTY_SHA256, EXAMPLE, moment)["authorization"]
        for moment in moments
    )
    other = Credentials("AKIAIOSFODNN7EXAMPLE", "another")
    of_another = signer.headers(target, {}, EMPTY_SHA256, other, MOMENT)["authorization"]
    assert first == again
    assert len({first, next_day, of_another}) == 3
