"""The table of decisions 6, row by row."""

import pytest

from layerstore.api.negotiation import Accept, Rendering, choose
from layerstore.oci.descriptor import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    SCHEMA1_SIGNED,
)
from layerstore.oci.errors import ManifestNotAcceptable


def rendering(stored: str, accept: str | None, *, agent: str | None = None) -> Rendering:
    return choose(stored, by_tag=True, accept=Accept(accept), agent=agent, schema1=True)


@pytest.mark.parametrize("stored", MANIFEST_TYPES)
@pytest.mark.parametrize(
    "accept", [None, "", "*/*", "application/*", "application/json", "text/html, */*;q=0.1"]
)
def test_who_takes_anything_gets_what_is_stored(stored: str, accept: str | None) -> None:
    assert rendering(stored, accept) is Rendering.AS_STORED


@pytest.mark.parametrize("stored", MANIFEST_TYPES)
def test_who_names_the_stored_type_gets_it(stored: str) -> None:
    assert rendering(stored, f"text/plain, {stored}; q=0.3; v=1") is Rendering.AS_STORED


@pytest.mark.parametrize("stored", MANIFEST_TYPES)
@pytest.mark.parametrize("accept", ["text/html", SCHEMA1, OCI_MANIFEST, f"{OCI_INDEX};q=0"])
def test_a_digest_gets_what_is_stored_whatever_is_accepted(stored: str, accept: str) -> None:
    chosen = choose(stored, by_tag=False, accept=Accept(accept), schema1=True)
    assert chosen is Rendering.AS_STORED


@pytest.mark.parametrize("stored", [DOCKER_LIST, OCI_INDEX])
@pytest.mark.parametrize("accept", [DOCKER_MANIFEST, OCI_MANIFEST, f"{SCHEMA1}, {DOCKER_MANIFEST}"])
def test_who_takes_images_but_no_index_gets_one_of_it(stored: str, accept: str) -> None:
    assert rendering(stored, accept) is Rendering.LINUX_AMD64


@pytest.mark.parametrize(
    ("stored", "accept"),
    [
        (DOCKER_LIST, f"{OCI_INDEX}, {OCI_MANIFEST}"),
        (OCI_INDEX, f"{DOCKER_LIST},{DOCKER_MANIFEST}"),
    ],
)
def test_who_takes_the_other_kind_of_index_gets_what_is_stored(stored: str, accept: str) -> None:
    assert rendering(stored, accept) is Rendering.AS_STORED


@pytest.mark.parametrize("accept", [SCHEMA1, SCHEMA1_SIGNED, f"text/html, {SCHEMA1_SIGNED};q=0.2"])
def test_who_takes_schema_1_only_gets_it_made(accept: str) -> None:
    assert rendering(DOCKER_MANIFEST, accept) is Rendering.SCHEMA1


@pytest.mark.parametrize("agent", ["docker/1.9.1 go/go1.4.2", "docker/1.6.0", "docker/1.9"])
@pytest.mark.parametrize("accept", [None, "*/*"])
def test_an_old_docker_is_known_by_its_name(agent: str, accept: str | None) -> None:
    assert rendering(DOCKER_MANIFEST, accept, agent=agent) is Rendering.SCHEMA1


@pytest.mark.parametrize("stored", [DOCKER_LIST, OCI_INDEX])
@pytest.mark.parametrize(
    ("accept", "agent"), [(SCHEMA1_SIGNED, None), (None, "docker/1.9.1 go/go1.4.2")]
)
def test_who_knows_schema_1_only_gets_one_image_of_an_index(
    stored: str, accept: str | None, agent: str | None
) -> None:
    assert rendering(stored, accept, agent=agent) is Rendering.LINUX_AMD64
    off = choose(stored, by_tag=True, accept=Accept(accept), agent=agent)
    assert off is Rendering.AS_STORED


@pytest.mark.parametrize("agent", ["docker/1.10.0 go/go1.5", "docker/20.10", "curl/8", None])
def test_a_newer_client_gets_schema_2(agent: str | None) -> None:
    assert rendering(DOCKER_MANIFEST, None, agent=agent) is Rendering.AS_STORED


def test_schema_1_is_not_made_where_it_is_switched_off() -> None:
    accept = Accept(SCHEMA1)
    assert choose(DOCKER_MANIFEST, by_tag=True, accept=accept) is Rendering.AS_STORED


@pytest.mark.parametrize("stored", MANIFEST_TYPES)
def test_a_type_that_is_refused_is_not_sent(stored: str) -> None:
    with pytest.raises(ManifestNotAcceptable) as raised:
        rendering(stored, f"text/html, {stored};q=0")
    assert raised.value.detail == {"mediaType": stored}


@pytest.mark.parametrize("stored", MANIFEST_TYPES)
def test_other_types_alone_get_what_is_stored(stored: str) -> None:
    assert rendering(stored, "text/html, image/png") is Rendering.AS_STORED


def test_the_sixty_fifth_entry_does_not_count() -> None:
    many = ", ".join(f"text/x{i}" for i in range(64))
    assert not Accept(f"{many}, {OCI_INDEX}").takes(OCI_INDEX)
    assert Accept(", ".join(many.split(", ")[1:]) + f", {OCI_INDEX}").takes(OCI_INDEX)


@pytest.mark.parametrize("quality", ["q=nan", "q=-1", "q=7", "q=", "q=0.00001", "q=x"])
def test_a_quality_that_cannot_be_read_is_passed_over(quality: str) -> None:
    assert Accept(f"{OCI_INDEX};{quality}").takes(OCI_INDEX)
