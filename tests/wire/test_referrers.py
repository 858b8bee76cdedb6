"""Listing referrers (specification; decisions 4)."""

import re
from typing import Any

import pytest

from tests.wire.client import Answer, Wire
from tests.wire.stock import (
    ABSENT,
    CONFIG,
    LAYER,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Stock,
    descriptor,
    digest_of,
    image,
    index,
    push_blob,
    push_manifest,
)
from tests.wire.table import Row, check, rows

SIGNATURE = "application/vnd.example.signature+json"
SUBJECT = descriptor(image(), OCI_MANIFEST)


def referrers(wire: Wire, repo: str, query: str = "", subject: str = SUBJECT["digest"]) -> Answer:
    answer = wire.ask("GET", f"/v2/{repo}/referrers/{subject}{query}")
    assert answer.status == 200, answer
    assert answer.header("content-type") == OCI_INDEX
    document = answer.json()
    assert document["schemaVersion"] == 2
    assert document["mediaType"] == OCI_INDEX
    return answer


def listed(answer: Answer) -> list[str]:
    return [entry["digest"] for entry in answer.json()["manifests"]]


@pytest.fixture
def subject(wire: Wire, repo: str) -> str:
    """A repository with an image that others will refer to."""
    push_blob(wire, repo, CONFIG)
    push_blob(wire, repo, LAYER)
    push_manifest(wire, repo, "latest", image())
    return repo


def refer(wire: Wire, repo: str, **more: Any) -> str:
    content = image(subject=SUBJECT, **more)
    return push_manifest(wire, repo, digest_of(content), content)


@rows(
    Row(
        "nobody knows the repository",
        "GET /v2/no/such/referrers/{absent}",
        200,
        has={"content-type": OCI_INDEX, "oci-filters-applied": None, "link": None},
        text=f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}'.encode(),
    ),
    Row("nobody refers to it", "GET /v2/{repo}/referrers/{oci}", 200),
    Row("HEAD", "HEAD /v2/{repo}/referrers/{oci}", 200, has={"content-type": OCI_INDEX}),
    Row("a broken digest", "GET /v2/{repo}/referrers/sha256:no", 400, told="DIGEST_INVALID"),
    Row("a tag is no digest", "GET /v2/{repo}/referrers/latest", 400, told="DIGEST_INVALID"),
    Row(
        "a filter is applied where nothing fits",
        "GET /v2/{repo}/referrers/{oci}?artifactType=a/b",
        200,
        has={"oci-filters-applied": "artifactType"},
    ),
)
def test_no_referrers(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


def test_entries_tell_what_a_manifest_says_of_itself(wire: Wire, subject: str) -> None:
    plain = refer(wire, subject)
    typed = refer(wire, subject, artifactType=SIGNATURE, annotations={"a": "b", "c": "d"})
    bare = index(subject=SUBJECT)
    push_manifest(wire, subject, "bare", bare)
    entries = {entry["digest"]: entry for entry in referrers(wire, subject).json()["manifests"]}
    assert entries == {
        plain: {
            "mediaType": OCI_MANIFEST,
            "digest": plain,
            "size": len(image(subject=SUBJECT)),
            "artifactType": OCI_CONFIG,
        },
        typed: {
            "mediaType": OCI_MANIFEST,
            "digest": typed,
            "size": entries[typed]["size"],
            "artifactType": SIGNATURE,
            "annotations": {"a": "b", "c": "d"},
        },
        digest_of(bare): {"mediaType": OCI_INDEX, "digest": digest_of(bare), "size": len(bare)},
    }


def test_they_are_filtered_by_type(wire: Wire, subject: str) -> None:
    plain = refer(wire, subject)
    typed = refer(wire, subject, artifactType=SIGNATURE)
    for kind, expected in ((SIGNATURE, [typed]), (OCI_CONFIG, [plain]), ("other/x", [])):
        answer = referrers(wire, subject, f"?artifactType={kind.replace('+', '%2B')}")
        assert listed(answer) == expected
        assert answer.header("oci-filters-applied") == "artifactType"
    unfiltered = referrers(wire, subject)
    assert sorted(listed(unfiltered)) == sorted([plain, typed])
    assert unfiltered.header("oci-filters-applied") is None


def test_a_deleted_referrer_is_no_longer_listed(wire: Wire, subject: str) -> None:
    kept, gone = refer(wire, subject), refer(wire, subject, artifactType=SIGNATURE)
    assert wire.ask("DELETE", f"/v2/{subject}/manifests/{gone}").status == 202
    assert listed(referrers(wire, subject)) == [kept]


def test_referrers_come_before_their_subject(wire: Wire, repo: str) -> None:
    push_blob(wire, repo, CONFIG)
    push_blob(wire, repo, LAYER)
    early = refer(wire, repo)
    assert listed(referrers(wire, repo)) == [early]


def test_a_list_that_older_clients_keep_is_part_of_it(wire: Wire, subject: str) -> None:
    """An entry counts if the manifest is here and has this subject, whoever listed it."""
    mine = refer(wire, subject)
    tag = SUBJECT["digest"].replace(":", "-")
    stranger = image(annotations={"not": "a referrer"})
    push_manifest(wire, subject, "stranger", stranger)
    entries = [
        descriptor(image(subject=SUBJECT), OCI_MANIFEST),
        descriptor(stranger, OCI_MANIFEST),
    ]
    push_manifest(wire, subject, tag, index(*entries))
    assert listed(referrers(wire, subject)) == [mine]


def test_a_thousand_fit_on_a_page_and_the_rest_on_the_next(wire: Wire, subject: str) -> None:
    digests = {
        push_manifest(wire, subject, digest_of(content), content)
        for content in (
            index(subject=SUBJECT, artifactType=SIGNATURE, annotations={"n": str(i)})
            for i in range(1003)
        )
    }
    first = referrers(wire, subject, f"?artifactType={SIGNATURE.replace('+', '%2B')}")
    assert len(listed(first)) == 1000
    link = re.fullmatch(r'<([^>]+)>; rel="next"', first.header("link") or "")
    assert link is not None
    assert "artifactType=application%2Fvnd.example.signature%2Bjson" in link[1]
    second = wire.ask("GET", link[1])
    assert second.header("oci-filters-applied") == "artifactType"
    assert second.header("link") is None
    assert listed(first) + listed(second) == sorted(digests)


def test_a_page_is_cut_at_four_mebibytes(wire: Wire, subject: str) -> None:
    for i in range(6):
        content = index(subject=SUBJECT, annotations={"n": f"{i}" * 1_000_000})
        push_manifest(wire, subject, digest_of(content), content)
    answer = referrers(wire, subject)
    assert len(answer.body) <= 4 * 1024 * 1024 + 200
    assert len(listed(answer)) == 4
    assert answer.header("link") is not None


def test_the_place_to_go_on_from_is_a_digest(wire: Wire, subject: str) -> None:
    answer = wire.ask("GET", f"/v2/{subject}/referrers/{ABSENT}?last=../x")
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
