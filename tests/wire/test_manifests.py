"""Registry-facts §2.7 and decisions 5: manifests, as they are put, read and deleted."""

import json

import pytest

from tests.wire.client import Answer, Wire
from tests.wire.stock import (
    ABSENT,
    CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LAYER,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Stock,
    descriptor,
    digest_of,
    docker_image,
    image,
    index,
    push_blob,
    push_manifest,
    put_manifest,
)
from tests.wire.table import Row, check, rows


@pytest.fixture
def parts(wire: Wire, repo: str) -> str:
    """A repository that has what images are made of."""
    push_blob(wire, repo, CONFIG)
    push_blob(wire, repo, LAYER)
    return repo


def assert_nothing_stored(wire: Wire, repo: str, content: bytes) -> None:
    assert wire.ask("GET", f"/v2/{repo}/manifests/{digest_of(content)}").status == 404
    assert wire.ask("GET", f"/v2/{repo}/manifests/latest").status == 404


@rows(
    Row(
        "a manifest is read by its tag",
        "GET /v2/{repo}/manifests/latest",
        200,
        has={
            "content-type": OCI_MANIFEST,
            "docker-content-digest": "{oci}",
            "etag": '"{oci}"',
            "vary": "Accept",
            "warning": None,
        },
        text=image(),
    ),
    Row(
        "HEAD tells the same",
        "HEAD /v2/{repo}/manifests/latest",
        200,
        has={
            "content-type": OCI_MANIFEST,
            "docker-content-digest": "{oci}",
            "content-length": str(len(image())),
            "etag": '"{oci}"',
        },
    ),
    Row(
        "a manifest is read by its digest",
        "GET /v2/{repo}/manifests/{docker}",
        200,
        has={"content-type": DOCKER_MANIFEST, "docker-content-digest": "{docker}"},
        text=docker_image(),
    ),
    Row("an unknown tag", "GET /v2/{repo}/manifests/none", 404, told="MANIFEST_UNKNOWN"),
    Row("an unknown digest", "GET /v2/{repo}/manifests/{absent}", 404, told="MANIFEST_UNKNOWN"),
    Row("an unknown repository", "GET /v2/no/such/manifests/a", 404, told="MANIFEST_UNKNOWN"),
    Row("a tag that is none", "GET /v2/{repo}/manifests/.hidden", 404, told="MANIFEST_UNKNOWN"),
    Row(
        "a tag of 129 characters",
        f"GET /v2/{{repo}}/manifests/{'a' * 129}",
        404,
        told="MANIFEST_UNKNOWN",
    ),
    Row("a digest that is none", "GET /v2/{repo}/manifests/sha256:no", 400, told="DIGEST_INVALID"),
    Row("a blob is no manifest", "GET /v2/{repo}/manifests/{layer}", 404, told="MANIFEST_UNKNOWN"),
    Row(
        "nothing is sent to who has it",
        "GET /v2/{repo}/manifests/latest",
        304,
        {"If-None-Match": '"{oci}"'},
        has={"etag": '"{oci}"', "docker-content-digest": "{oci}", "vary": "Accept"},
        text=b"",
    ),
    Row(
        "nor to who has it among others",
        "HEAD /v2/{repo}/manifests/latest",
        304,
        {"If-None-Match": '"a", W/"{oci}"'},
    ),
    Row(
        "nor to who names it without quotes, as the original allows",
        "GET /v2/{repo}/manifests/latest",
        304,
        {"If-None-Match": "{oci}"},
    ),
    Row(
        "it is sent if it is the one that is expected",
        "GET /v2/{repo}/manifests/latest",
        200,
        {"If-Match": '"{oci}"'},
        text=image(),
    ),
    Row(
        "it is not if another is",
        "GET /v2/{repo}/manifests/latest",
        412,
        {"If-Match": '"{docker}"'},
        text=b"",
    ),
    Row(
        "it is sent to who has another",
        "GET /v2/{repo}/manifests/latest",
        200,
        {"If-None-Match": '"{docker}"'},
    ),
)
def test_reading(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


ACCEPT_IMAGES = f"{DOCKER_MANIFEST}, {OCI_MANIFEST}"


@rows(
    Row("*/* gets what is stored", "GET /v2/{repo}/manifests/multi", 200, {"Accept": "*/*"}),
    Row(
        "and so does a wildcard below application",
        "GET /v2/{repo}/manifests/multi",
        200,
        {"Accept": f"{DOCKER_MANIFEST}, application/*"},
        has={"docker-content-digest": "{index}"},
    ),
    Row(
        "and who takes any JSON",
        "GET /v2/{repo}/manifests/multi",
        200,
        {"Accept": f"application/json, {DOCKER_MANIFEST}"},
        has={"docker-content-digest": "{index}"},
    ),
    Row(
        "a wildcard of no quality takes nothing",
        "GET /v2/{repo}/manifests/multi",
        200,
        {"Accept": f"{OCI_MANIFEST}, */*;q=0"},
        has={"docker-content-digest": "{oci}"},
    ),
    Row(
        "sixty-four entries count",
        "GET /v2/{repo}/manifests/multi",
        200,
        {"Accept": ",".join([*[f"a/t{i}" for i in range(63)], OCI_MANIFEST, OCI_INDEX])},
        has={"docker-content-digest": "{oci}"},
    ),
    Row(
        "bug museum 13: qualities and wildcards are understood",
        "GET /v2/{repo}/manifests/multi",
        200,
        {"Accept": "application/vnd.oci.image.index.v1+json;q=0.5, */*;q=0.1"},
        has={"docker-content-digest": "{index}"},
    ),
    Row(
        "bug museum 23: who says nothing gets an OCI manifest",
        "GET /v2/{repo}/manifests/latest",
        200,
        has={"content-type": OCI_MANIFEST},
    ),
    Row(
        "who takes no index gets one image of it",
        "GET /v2/{repo}/manifests/multi",
        200,
        {"Accept": ACCEPT_IMAGES},
        has={
            "content-type": OCI_MANIFEST,
            "docker-content-digest": "{oci}",
            "etag": '"{oci}"',
            "vary": "Accept",
        },
        text=image(),
    ),
    Row(
        "and of a list",
        "GET /v2/{repo}/manifests/list",
        200,
        {"Accept": DOCKER_MANIFEST},
        has={"content-type": DOCKER_MANIFEST, "docker-content-digest": "{docker}"},
    ),
    Row(
        "and nothing if it has none for linux/amd64",
        "GET /v2/{repo}/manifests/only-arm",
        404,
        {"Accept": ACCEPT_IMAGES},
        told="MANIFEST_UNKNOWN",
    ),
    Row(
        "by digest it is sent as stored",
        "GET /v2/{repo}/manifests/{index}",
        200,
        {"Accept": ACCEPT_IMAGES},
        has={"content-type": OCI_INDEX},
    ),
    Row(
        "what is refused is not sent",
        "GET /v2/{repo}/manifests/latest",
        406,
        {"Accept": f"{OCI_MANIFEST};q=0, {OCI_INDEX}"},
        told="MANIFEST_UNKNOWN",
    ),
    Row(
        "who takes other types only gets what is stored",
        "GET /v2/{repo}/manifests/latest",
        200,
        {"Accept": "text/html"},
        has={"content-type": OCI_MANIFEST},
    ),
)
def test_negotiation(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


def test_lines_of_accept_are_joined(wire: Wire, stock: Stock) -> None:
    answer = wire.ask(
        "GET",
        f"/v2/{stock.name}/manifests/multi",
        [("Accept", OCI_INDEX), ("Accept", OCI_MANIFEST)],
    )
    assert answer.header("content-type") == OCI_INDEX


def test_a_chosen_image_is_remarked_upon(wire: Wire, stock: Stock) -> None:
    answer = wire.ask("GET", f"/v2/{stock.name}/manifests/multi", {"Accept": OCI_MANIFEST})
    (warning,) = answer.every("warning")
    assert warning.startswith('299 - "')
    assert warning.endswith('"')


def test_what_was_put_comes_back_byte_for_byte(wire: Wire, parts: str) -> None:
    content = image(annotations={"ä": "ö"}, more={"x": [1, 2.50, "é"]}) + b"\n \n"
    answer = put_manifest(wire, parts, "latest", content)
    digest = digest_of(content)
    assert (answer.status, answer.body) == (201, b"")
    assert answer.header("docker-content-digest") == digest
    assert answer.location == f"/v2/{parts}/manifests/{digest}"
    assert answer.header("oci-subject") is None
    assert answer.header("oci-tag") is None
    assert wire.ask("GET", answer.location).body == content
    assert wire.ask("GET", f"/v2/{parts}/manifests/latest").body == content


@pytest.mark.parametrize("size", [33_000, 65_000, 4 * 1024 * 1024])
def test_a_big_manifest_comes_back_byte_for_byte(size: int, wire: Wire, parts: str) -> None:
    """Bug museum 10."""
    empty = len(image(annotations={"a": ""}))
    content = image(annotations={"a": "x" * (size - empty)})
    assert len(content) == size
    digest = push_manifest(wire, parts, "big", content)
    assert wire.ask("GET", f"/v2/{parts}/manifests/{digest}").body == content


@pytest.mark.parametrize("chunked", [False, True])
def test_a_manifest_that_is_too_big_is_refused(chunked: bool, wire: Wire, parts: str) -> None:
    """CVE-2017-11468."""
    content = image(annotations={"a": "x" * 4 * 1024 * 1024})
    body = [content[:1000000], content[1000000:]] if chunked else content
    answer = wire.ask("PUT", f"/v2/{parts}/manifests/latest", {"Content-Type": OCI_MANIFEST}, body)
    assert (answer.status, answer.codes) == (413, ["SIZE_INVALID"])
    assert_nothing_stored(wire, parts, content)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_manifest_lives_under_the_digest_it_was_put_with(
    algorithm: str, wire: Wire, parts: str
) -> None:
    content = image()
    digest = digest_of(content, algorithm)
    answer = put_manifest(wire, parts, f"{digest}?tag=by-{algorithm}", content)
    assert answer.status == 201
    assert answer.location == f"/v2/{parts}/manifests/{digest}"
    for reference in (digest, f"by-{algorithm}"):
        found = wire.ask("GET", f"/v2/{parts}/manifests/{reference}")
        assert (found.status, found.body) == (200, content)
        assert found.header("docker-content-digest") == digest


def test_tags_are_put_on_a_manifest_with_it(wire: Wire, parts: str) -> None:
    content = image()
    tags = [f"v{i}" for i in range(10)]
    query = "&".join(f"tag={tag}" for tag in [*tags, "v0"])
    answer = put_manifest(wire, parts, f"{digest_of(content)}?{query}", content)
    assert answer.status == 201
    assert ", ".join(answer.every("oci-tag")).split(", ") == tags
    for tag in tags:
        assert wire.ask("HEAD", f"/v2/{parts}/manifests/{tag}").status == 200


def test_too_many_tags_at_once_are_refused(wire: Wire, parts: str) -> None:
    content = image()
    query = "&".join(f"tag=v{i}" for i in range(65))
    answer = put_manifest(wire, parts, f"{digest_of(content)}?{query}", content)
    assert (answer.status, answer.codes) == (414, ["NAME_INVALID"])
    assert_nothing_stored(wire, parts, content)


def test_a_tag_beside_a_tag_means_nothing(wire: Wire, parts: str) -> None:
    answer = put_manifest(wire, parts, "one?tag=two", image())
    assert answer.status == 201
    assert answer.header("oci-tag") is None
    assert wire.ask("HEAD", f"/v2/{parts}/manifests/two").status == 404


@pytest.mark.parametrize("reference", [".x", "-x", "a" * 129])
def test_a_tag_that_is_none_is_refused(reference: str, wire: Wire, parts: str) -> None:
    answer = put_manifest(wire, parts, reference, image())
    assert (answer.status, answer.codes) == (400, ["TAG_INVALID"])
    answer = put_manifest(wire, parts, f"{digest_of(image())}?tag=ok&tag={reference}", image())
    assert (answer.status, answer.codes) == (400, ["TAG_INVALID"])
    assert_nothing_stored(wire, parts, image())


@pytest.mark.parametrize(
    "reference", [digest_of(b"other"), "sha256:baddigeststring", "md5:" + "0" * 32]
)
def test_a_digest_that_does_not_fit_is_refused(reference: str, wire: Wire, parts: str) -> None:
    answer = put_manifest(wire, parts, reference, image())
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert_nothing_stored(wire, parts, image())


@pytest.mark.parametrize(
    "content_type", [None, "application/json", f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST]
)
def test_types_that_are_understood(content_type: str | None, wire: Wire, parts: str) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = wire.ask("PUT", f"/v2/{parts}/manifests/latest", headers, image())
    assert answer.status == 201
    found = wire.ask("GET", f"/v2/{parts}/manifests/latest")
    assert found.header("content-type") == OCI_MANIFEST


def changed(**changes: object) -> bytes:
    return json.dumps(json.loads(image()) | changes).encode()


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        (OCI_MANIFEST, b""),
        (OCI_MANIFEST, b"{"),
        (OCI_MANIFEST, b"[]"),
        (OCI_MANIFEST, b"null"),
        (OCI_MANIFEST, b"\xff\xfe"),
        (OCI_MANIFEST, b"[" * 100_000),
        (OCI_MANIFEST, b'{"a":' * 100_000),
        (OCI_MANIFEST, docker_image()),
        (DOCKER_MANIFEST, image()),
        (OCI_INDEX, image()),
        ("application/vnd.oci.artifact.manifest.v1+json", image()),
        ("text/plain", image()),
        (OCI_MANIFEST, changed(schemaVersion=1)),
        (OCI_MANIFEST, changed(manifests=[])),
        (OCI_MANIFEST, changed(config=None)),
        (OCI_MANIFEST, changed(layers=[{"digest": "sha256:no"}])),
        (OCI_MANIFEST, changed(layers=[{"digest": "../../etc/passwd", "size": 1}])),
        (OCI_MANIFEST, changed(layers=[{"digest": 1, "size": 1}])),
        (OCI_MANIFEST, changed(config={"digest": None, "size": 1})),
        (OCI_MANIFEST, changed(subject={"digest": [], "size": 1})),
        (OCI_INDEX, json.dumps(json.loads(index()) | {"layers": []}).encode()),
        (OCI_INDEX, json.dumps(json.loads(index()) | {"config": {}}).encode()),
        (DOCKER_LIST, index()),
    ],
)
def test_what_is_no_manifest_is_refused(
    content_type: str, content: bytes, wire: Wire, parts: str
) -> None:
    """CVE-2021-41190 among them: an index is no manifest and a manifest no index."""
    answer = wire.ask(
        "PUT", f"/v2/{parts}/manifests/latest", {"Content-Type": content_type}, content
    )
    assert (answer.status, answer.codes[0]) == (400, "MANIFEST_INVALID")
    assert b"Traceback" not in answer.body
    assert_nothing_stored(wire, parts, content)


def test_everything_that_is_missing_is_told(wire: Wire, repo: str) -> None:
    answer = put_manifest(wire, repo, "latest", image((LAYER, b"another")))
    assert answer.status == 400
    assert answer.codes == ["MANIFEST_BLOB_UNKNOWN"] * 3
    for content in (CONFIG, LAYER, b"another"):
        assert digest_of(content) in answer.body.decode()
    assert_nothing_stored(wire, repo, image((LAYER, b"another")))


def test_an_index_of_what_is_missing_is_refused(wire: Wire, repo: str) -> None:
    answer = put_manifest(wire, repo, "latest", index(descriptor(image(), OCI_MANIFEST)))
    assert (answer.status, answer.codes) == (400, ["MANIFEST_BLOB_UNKNOWN"])


def test_blobs_of_another_repository_do_not_count(wire: Wire, stock: Stock, repo: str) -> None:
    assert put_manifest(wire, repo, "latest", stock.oci).status == 400


def test_an_index_needs_no_platforms(wire: Wire, parts: str) -> None:
    """Bug museum 12."""
    push_manifest(wire, parts, digest_of(image()), image())
    inner = index(descriptor(image(), OCI_MANIFEST))
    push_manifest(wire, parts, "inner", inner)
    push_manifest(wire, parts, "outer", index(descriptor(inner, OCI_INDEX)))
    push_manifest(wire, parts, "empty", index())


def test_indexes_within_indexes_have_a_limit(wire: Wire, parts: str) -> None:
    """Bug museum 6."""
    content, answer = index(), put_manifest(wire, parts, "d0", index())
    for depth in range(1, 12):
        content = index(descriptor(content, OCI_INDEX), annotations={"depth": str(depth)})
        answer = put_manifest(wire, parts, f"d{depth}", content)
        if answer.status != 201:
            break
    assert (answer.status, answer.codes) == (400, ["MANIFEST_INVALID"])
    assert 4 < depth < 11


def deleted(wire: Wire, repo: str, reference: str) -> Answer:
    return wire.ask("DELETE", f"/v2/{repo}/manifests/{reference}")


def test_a_tag_is_deleted_and_what_it_led_to_stays(wire: Wire, parts: str) -> None:
    """Bug museum 7: two tags on one digest."""
    digest = push_manifest(wire, parts, "one", image())
    push_manifest(wire, parts, "two", image())
    answer = deleted(wire, parts, "one")
    assert (answer.status, answer.body) == (202, b"")
    assert wire.ask("HEAD", f"/v2/{parts}/manifests/one").status == 404
    for reference in ("two", digest):
        assert wire.ask("HEAD", f"/v2/{parts}/manifests/{reference}").status == 200


def test_a_manifest_is_deleted_with_all_its_tags(wire: Wire, parts: str) -> None:
    """Bug museum 7."""
    digest = push_manifest(wire, parts, "one", image())
    push_manifest(wire, parts, "two", image())
    push_manifest(wire, parts, "other", image(annotations={"a": "b"}))
    assert deleted(wire, parts, digest).status == 202
    for reference in ("one", "two", digest):
        assert wire.ask("HEAD", f"/v2/{parts}/manifests/{reference}").status == 404
        assert deleted(wire, parts, reference).status == 404
    assert wire.ask("GET", f"/v2/{parts}/tags/list").json()["tags"] == ["other"]
    assert wire.ask("HEAD", f"/v2/{parts}/blobs/{digest_of(LAYER)}").status == 200


@rows(
    Row("an unknown tag", "DELETE /v2/{repo}/manifests/none", 404, told="MANIFEST_UNKNOWN"),
    Row("a digest never pushed", "DELETE /v2/{repo}/manifests/{absent}", 404),
    Row("nowhere", "DELETE /v2/no/such/manifests/latest", 404, told="MANIFEST_UNKNOWN"),
    Row("a broken digest", "DELETE /v2/{repo}/manifests/sha256:1", 400, told="DIGEST_INVALID"),
    Row("a blob's digest", "DELETE /v2/{repo}/manifests/{layer}", 404, told="MANIFEST_UNKNOWN"),
    Row("a broken tag", "DELETE /v2/{repo}/manifests/.x", 404, told="MANIFEST_UNKNOWN"),
)
def test_what_cannot_be_deleted(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


def test_a_tag_whose_name_looks_like_a_digest_is_a_tag(wire: Wire, parts: str) -> None:
    """Bug museum 8."""
    tag = f"sha256-{'a' * 64}"
    push_manifest(wire, parts, tag, image())
    found = wire.ask("GET", f"/v2/{parts}/manifests/{tag}")
    assert (found.status, found.body) == (200, image())
    assert tag in wire.ask("GET", f"/v2/{parts}/tags/list").json()["tags"]
    assert deleted(wire, parts, tag).status == 202


def test_a_layer_that_may_live_elsewhere_needs_an_allowed_address(wire: Wire, parts: str) -> None:
    """No URL is allowed unless the configuration allows it (registry-facts §2.7)."""
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": ABSENT,
        "size": 5,
        "urls": ["https://store.example.com/layer"],
    }
    content = changed(layers=[descriptor(LAYER, OCI_LAYER), foreign])
    answer = put_manifest(wire, parts, "latest", content)
    assert (answer.status, answer.codes) == (400, ["MANIFEST_INVALID"])
    assert_nothing_stored(wire, parts, content)


@pytest.mark.parametrize("subject", ["there", "missing"])
@pytest.mark.parametrize("kind", ["image", "index"])
def test_a_subject_is_noted(kind: str, subject: str, wire: Wire, parts: str) -> None:
    target = image() if subject == "there" else b"nobody ever pushed this"
    if subject == "there":
        push_manifest(wire, parts, "latest", target)
    named = descriptor(target, OCI_MANIFEST)
    content = image(subject=named) if kind == "image" else index(subject=named)
    for reference in ("tagged", digest_of(content)):
        answer = put_manifest(wire, parts, reference, content)
        assert answer.status == 201
        assert answer.header("oci-subject") == digest_of(target)


def test_keeping_a_list_of_referrers_is_remarked_upon(wire: Wire, parts: str) -> None:
    push_manifest(wire, parts, digest_of(image()), image())
    listed = index(descriptor(image(), OCI_MANIFEST))
    answer = put_manifest(wire, parts, f"sha256-{'b' * 64}", listed)
    assert answer.status == 201
    assert [line[:7] for line in answer.every("warning")] == ['299 - "']
    assert put_manifest(wire, parts, "plain", listed).every("warning") == []


def test_an_artifact_of_any_type_is_taken(wire: Wire, repo: str) -> None:
    push_blob(wire, repo, b"{}")
    empty = descriptor(b"{}", "application/vnd.oci.empty.v1+json")
    more = {"artifactType": "application/vnd.example+type", "org.example": "more"}
    content = changed(config=empty, layers=[empty], **more)
    push_manifest(wire, repo, "artifact", content)
    assert wire.ask("GET", f"/v2/{repo}/manifests/artifact").body == content


def test_constants_are_what_the_stock_says(stock: Stock) -> None:
    assert json.loads(stock.oci)["config"]["mediaType"] == OCI_CONFIG
