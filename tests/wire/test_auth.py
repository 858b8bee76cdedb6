"""Who may, over real sockets: the challenges, the refusals, the files that change, the lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.issuer import ISSUER, SERVICE, Signer, certificate, claims, entry, pem, today
from tests.processes import tail, wait_until
from tests.servers import Server, layerstore_server
from tests.unit.auth.headers import basic
from tests.wire.client import Answer, Headers, SocketWire, Wire, lines
from tests.wire.stock import (
    CONFIG,
    LAYER,
    digest_of,
    image,
    index,
    push_blob,
    push_manifest,
    put_manifest,
)

REALM = "https://auth.example/token"
RULES = [
    {"actions": ["pull"], "repositories": ["public/**"]},
    {"users": ["*"], "repositories": ["public/**"], "actions": ["pull", "push"]},
    {"users": ["alice"], "repositories": ["team/**"], "actions": ["pull", "create"]},
    {"groups": ["admins"], "actions": ["*"]},
]


class As:
    """Asks with credentials."""

    def __init__(self, server: Server, authorization: str | None) -> None:
        self._wire = SocketWire(server.host)
        self._authorization = authorization

    def ask(
        self, method: str, target: str, headers: Headers = (), body: bytes | Iterable[bytes] = b""
    ) -> Answer:
        sent = lines(headers)
        if self._authorization is not None:
            sent.append(("Authorization", self._authorization))
        return self._wire.ask(method, target, sent, body)


def user(server: Server, name: str) -> Wire:
    """Somebody whose password is his name with a dot behind."""
    return As(server, basic(name, f"{name}."))


def anybody(server: Server) -> Wire:
    return As(server, None)


def line(name: str) -> str:
    return f"{name}:{bcrypt.hashpw(f'{name}.'.encode(), bcrypt.gensalt(4)).decode()}\n"


def push_image(wire: Wire, name: str, tag: str = "latest") -> str:
    push_blob(wire, name, CONFIG)
    push_blob(wire, name, LAYER)
    return push_manifest(wire, name, tag, image())


@contextmanager
def by_password(folder: Path, workers: int | None = None, **auth: Any) -> Iterator[Server]:
    path = folder / "htpasswd"
    path.write_text("".join(map(line, ("alice", "bob", "root"))))
    auth = {"htpasswd": {"realm": "our registry", "path": str(path)}, **auth}
    config = {"auth": auth}
    with layerstore_server(folder / "storage", config=config, workers=workers) as server:
        yield server


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Passwords under rules, and an image in three repositories."""
    folder = tmp_path_factory.mktemp("ruled")
    with by_password(folder, groups={"admins": ["root"]}, policies=RULES) as server:
        for name in ("public/app", "team/app", "secret"):
            push_image(user(server, "root"), name)
        yield server


ELSEWHERE = {"Host": "registry.example"}
"""Plain HTTP to a host that is not the client's own: no place to send passwords to."""


def test_who_says_nothing_is_asked_for_a_name(ruled: Server) -> None:
    answer = anybody(ruled).ask("GET", "/v2/", ELSEWHERE)
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Basic realm="our registry"'
    assert answer.header("docker-distribution-api-version") == "registry/2.0"
    assert answer.codes == ["UNAUTHORIZED"]


def test_who_says_the_right_thing_is_let_in(ruled: Server) -> None:
    assert user(ruled, "alice").ask("GET", "/v2/").status == 200
    assert As(ruled, basic("alice", "wrong")).ask("GET", "/v2/").status == 401
    assert As(ruled, basic("dave", "dave.")).ask("GET", "/v2/").status == 401


def test_everybody_pulls_what_is_public(ruled: Server) -> None:
    for wire in (anybody(ruled), As(ruled, "Basic Og=="), user(ruled, "bob")):
        assert wire.ask("GET", "/v2/public/app/manifests/latest").status == 200
        assert wire.ask("GET", "/v2/public/app/tags/list").status == 200


def test_nobody_pushes_without_a_name(ruled: Server) -> None:
    answer = anybody(ruled).ask("POST", "/v2/public/app/blobs/uploads/", ELSEWHERE)
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Basic realm="our registry"'
    assert user(ruled, "bob").ask("POST", "/v2/public/app/blobs/uploads/").status == 202


def test_who_is_known_and_may_not_is_denied_with_what_was_wanted(ruled: Server) -> None:
    answer = user(ruled, "bob").ask("GET", "/v2/secret/manifests/latest")
    assert (answer.status, answer.codes) == (403, ["DENIED"])
    assert answer.header("www-authenticate") is None
    assert answer.json()["errors"][0]["detail"] == [
        {"Type": "repository", "Class": "", "Name": "secret", "Action": "pull"}
    ]


def test_a_refusal_does_not_tell_what_exists(ruled: Server) -> None:
    bob = user(ruled, "bob")
    there, missing = (
        bob.ask("GET", f"/v2/{name}/manifests/latest") for name in ("secret", "secreu")
    )
    assert there.status == missing.status
    assert there.body.replace(b"secret", b"secreu") == missing.body


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (None, ["public/app"]),
        ("bob", ["public/app"]),
        ("alice", ["public/app", "team/app"]),
        ("root", ["public/app", "secret", "team/app"]),
    ],
)
def test_the_catalog_shows_what_the_caller_may_read(
    name: str | None, seen: list[str], ruled: Server
) -> None:
    wire = anybody(ruled) if name is None else user(ruled, name)
    assert wire.ask("GET", "/v2/_catalog").json() == {"repositories": seen}


def test_a_page_of_the_catalog_is_filled_up(ruled: Server) -> None:
    """What the caller may not read neither shortens a page nor shows in its link."""
    alice = user(ruled, "alice")
    first = alice.ask("GET", "/v2/_catalog?n=1")
    assert first.json() == {"repositories": ["public/app"]}
    assert first.header("link") == '</v2/_catalog?last=public%2Fapp&n=1>; rel="next"'
    second = alice.ask("GET", "/v2/_catalog?last=public%2Fapp&n=1")
    assert second.json() == {"repositories": ["team/app"]}
    assert user(ruled, "bob").ask("GET", "/v2/_catalog?n=1").header("link") is None


def test_who_may_create_tags_may_not_move_them(ruled: Server) -> None:
    alice, name = user(ruled, "alice"), "team/own"
    push_image(alice, name, "v1")
    other = image(annotations={"other": "content"})
    assert put_manifest(alice, name, "v2", other).status == 201
    refused = put_manifest(alice, name, "v1", other)
    assert (refused.status, refused.codes) == (403, ["DENIED"])
    assert refused.json()["errors"][0]["detail"] == {"tag": "v1", "action": "overwrite"}
    assert alice.ask("GET", f"/v2/{name}/manifests/v1").body == image()


def test_who_may_create_tags_may_push_the_same_again(ruled: Server) -> None:
    alice, name = user(ruled, "alice"), "team/again"
    push_image(alice, name)
    assert push_image(alice, name)


def test_of_several_tags_none_moves_when_one_must_not(ruled: Server) -> None:
    alice, name = user(ruled, "alice"), "team/several"
    push_image(alice, name, "old")
    other = image(annotations={"other": "content"})
    digest = digest_of(other)
    refused = alice.ask(
        "PUT",
        f"/v2/{name}/manifests/{digest}?tag=new&tag=old",
        {"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
        other,
    )
    assert refused.status == 403
    assert alice.ask("GET", f"/v2/{name}/tags/list").json()["tags"] == ["old"]
    assert alice.ask("GET", f"/v2/{name}/manifests/{digest}").status == 404


def test_deleting_needs_its_own_rule(ruled: Server) -> None:
    alice, name = user(ruled, "alice"), "team/kept"
    push_image(alice, name)
    assert alice.ask("DELETE", f"/v2/{name}/manifests/latest").status == 403
    assert user(ruled, "root").ask("DELETE", f"/v2/{name}/manifests/latest").status == 202


def test_a_mount_needs_the_right_to_read_its_source(ruled: Server) -> None:
    digest = push_blob(user(ruled, "root"), "secret", b"a secret layer")
    target = f"/v2/public/mine/blobs/uploads/?mount={digest}"
    bob = user(ruled, "bob")
    assert bob.ask("POST", f"{target}&from=secret").status == 403
    assert bob.ask("POST", target).status == 202
    assert bob.ask("HEAD", f"/v2/public/mine/blobs/{digest}").status == 404
    assert user(ruled, "root").ask("POST", f"{target}&from=secret").status == 201


def test_the_root_and_options_ask_nobody(ruled: Server) -> None:
    assert anybody(ruled).ask("GET", "/").status == 200
    assert anybody(ruled).ask("OPTIONS", "/v2/secret/tags/list").status == 200


def test_the_log_names_the_user_and_no_password(ruled: Server) -> None:
    before = ruled.log.stat().st_size
    user(ruled, "alice").ask("GET", "/v2/public/app/tags/list")
    As(ruled, basic("alice", "pass-that-is-wrong")).ask("GET", "/v2/")
    wait_until(lambda: "does not fit" in tail(ruled.log, since=before), "the refusal is logged")
    told = ruled.log.read_text()
    assert 'auth.user.name="alice"' in told
    assert "pass-that-is-wrong" not in told
    assert basic("alice", "alice.").removeprefix("Basic ") not in told


def test_with_rules_for_everybody_the_registry_hands_out_passes(ruled: Server) -> None:
    address = f"http://{ruled.host}/v2/_layerstore/token"
    challenge = f'Bearer realm="{address}",service="{ruled.host}"'
    assert anybody(ruled).ask("GET", "/v2/").header("www-authenticate") == challenge
    pushing = anybody(ruled).ask("POST", "/v2/public/app/blobs/uploads/")
    scope = ',scope="repository:public/app:pull,push"'
    assert pushing.header("www-authenticate") == challenge + scope


def passed(server: Server, name: str | None) -> Wire:
    """Somebody with a pass that he was handed for his password, or for nothing."""
    wire = anybody(server) if name is None else user(server, name)
    answer = wire.ask("GET", "/v2/_layerstore/token?service=x&scope=repository:secret:*")
    assert (answer.status, answer.header("cache-control")) == (200, "no-store")
    document = answer.json()
    assert document["token"] == document["access_token"]
    assert document["expires_in"] == 300
    return As(server, f"Bearer {document['token']}")


def test_a_pass_says_who_and_the_rules_say_what(ruled: Server) -> None:
    nobody, alice, root = (passed(ruled, name) for name in (None, "alice", "root"))
    for wire, statuses in ((nobody, (200, 403, 403)), (alice, (200, 200, 403)), (root, (200,) * 3)):
        names = ("public/app", "team/app", "secret")
        targets = [f"/v2/{name}/manifests/latest" for name in names]
        assert tuple(wire.ask("GET", target).status for target in targets) == statuses
    assert nobody.ask("GET", "/v2/").status == 200
    assert nobody.ask("POST", "/v2/public/app/blobs/uploads/").status == 403
    assert alice.ask("POST", "/v2/public/app/blobs/uploads/").status == 202


def test_a_wrong_password_gets_no_pass(ruled: Server) -> None:
    answer = As(ruled, basic("alice", "wrong")).ask("GET", "/v2/_layerstore/token")
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Basic realm="our registry"'


def test_a_pass_gets_no_other(ruled: Server) -> None:
    assert passed(ruled, "alice").ask("GET", "/v2/_layerstore/token").status == 401


def test_what_is_no_pass_is_invalid(ruled: Server) -> None:
    answer = As(ruled, "Bearer something").ask("GET", "/v2/public/app/manifests/latest")
    assert answer.status == 401
    assert (answer.header("www-authenticate") or "").endswith(',error="invalid_token"')


def test_a_registry_without_rules_for_everybody_hands_out_nothing(tmp_path: Path) -> None:
    rules = [{"users": ["*"], "actions": ["pull"]}]
    with by_password(tmp_path, workers=1, policies=rules) as server:
        challenge = anybody(server).ask("GET", "/v2/").header("www-authenticate")
        assert challenge == 'Basic realm="our registry"'
        assert anybody(server).ask("GET", "/v2/_layerstore/token").status == 401
        assert user(server, "alice").ask("GET", "/v2/_layerstore/token").status == 404


def test_a_changed_file_counts_from_the_next_request_on(tmp_path: Path) -> None:
    with by_password(tmp_path, workers=1) as server:
        assert user(server, "alice").ask("GET", "/v2/").status == 200
        replacement = tmp_path / "new"
        replacement.write_text(line("carol"))
        replacement.rename(tmp_path / "htpasswd")
        assert user(server, "alice").ask("GET", "/v2/").status == 401
        assert user(server, "carol").ask("GET", "/v2/").status == 200
        (tmp_path / "htpasswd").write_text("nonsense")
        assert user(server, "carol").ask("GET", "/v2/").status == 200
        assert "what it said before stays" in server.log.read_text()


def test_a_missing_password_file_is_made_and_told_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "htpasswd"
    auth = {"htpasswd": {"realm": "x", "path": str(path)}}
    with layerstore_server(tmp_path / "storage", config={"auth": auth}, workers=2) as server:
        [told] = [one for one in server.log.read_text().splitlines() if "the password" in one]
        password = told.partition("the password ")[2].split('"')[0].split()[0]
        assert As(server, basic("docker", password)).ask("GET", "/v2/").status == 200
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new("ES256")


@pytest.fixture(scope="module")
def by_token(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tokens")
    bundle = folder / "bundle.pem"
    bundle.write_bytes(pem(certificate(signer, today())))
    token = {
        "realm": REALM,
        "service": SERVICE,
        "issuer": ISSUER,
        "rootcertbundle": str(bundle),
    }
    with layerstore_server(folder / "storage", config={"auth": {"token": token}}) as server:
        yield server


def bearing(server: Server, signer: Signer, *entries: dict[str, Any], **changes: Any) -> Wire:
    said = claims(today(), access=list(entries), **changes)
    return As(server, "Bearer " + signer.token(said, kid=signer.libtrust_id))


def test_the_challenge_says_where_to_get_a_token_for_what(by_token: Server) -> None:
    for method, target, scope in (
        ("GET", "/v2/", ""),
        ("GET", "/v2/a/b/tags/list", ',scope="repository:a/b:pull"'),
        ("POST", "/v2/a/b/blobs/uploads/", ',scope="repository:a/b:pull,push"'),
        ("DELETE", "/v2/a/b/manifests/latest", ',scope="repository:a/b:delete"'),
        ("GET", "/v2/_catalog", ',scope="registry:catalog:*"'),
        (
            "POST",
            f"/v2/a/b/blobs/uploads/?mount=sha256:{'0' * 64}&from=c",
            ',scope="repository:a/b:pull,push repository:c:pull"',
        ),
    ):
        answer = anybody(by_token).ask(method, target)
        assert answer.status == 401
        challenge = f'Bearer realm="{REALM}",service="{SERVICE}"{scope}'
        assert answer.header("www-authenticate") == challenge


def test_a_token_opens_what_it_names(by_token: Server, signer: Signer) -> None:
    push_image(bearing(by_token, signer, entry("mine", "pull", "push")), "mine")
    reading = bearing(by_token, signer, entry("mine", "pull"))
    assert reading.ask("GET", "/v2/mine/manifests/latest").status == 200
    refused = put_manifest(reading, "mine", "again", index())
    assert refused.status == 401
    assert (refused.header("www-authenticate") or "").endswith(
        ',scope="repository:mine:pull,push",error="insufficient_scope"'
    )
    expired = bearing(by_token, signer, entry("mine", "pull"), exp=1)
    told = expired.ask("GET", "/v2/mine/manifests/latest").header("www-authenticate")
    assert (told or "").endswith(',scope="repository:mine:pull",error="invalid_token"')


def test_a_token_for_the_catalog_shows_it(by_token: Server, signer: Signer) -> None:
    push_image(bearing(by_token, signer, entry("listed", "*")), "listed")
    catalog = bearing(by_token, signer, entry("catalog", "*", type="registry"))
    assert "listed" in catalog.ask("GET", "/v2/_catalog").json()["repositories"]


def test_a_strangers_token_opens_nothing(by_token: Server, signer: Signer) -> None:
    """CVE-2025-24976 over the wire."""
    mallory = Signer.new("ES256")
    said = claims(today(), access=[entry("mine", "*")])
    for header in (
        {"kid": signer.libtrust_id},
        {"jwk": mallory.jwk | {"kid": signer.libtrust_id}},
        {"jwk": mallory.jwk},
    ):
        forged = As(by_token, "Bearer " + mallory.token(said, **header))
        assert forged.ask("GET", "/v2/mine/tags/list").status == 401


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"htpasswd": {"realm": "x", "path": "/proc/none/htpasswd"}}, "auth.htpasswd.path"),
        (
            {
                "token": {
                    "realm": "x",
                    "service": "x",
                    "issuer": "x",
                    "rootcertbundle": "/nonexistent.pem",
                }
            },
            "auth.token.rootcertbundle: /nonexistent.pem: No such file or directory",
        ),
        ({"none": {}, "policies": [{"actions": []}]}, "auth.policies[0]: actions"),
    ],
)
def test_a_check_that_could_let_nobody_in_stops_the_start(
    auth: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(RuntimeError, match=r"ended \(2\)"),
        layerstore_server(tmp_path / "storage", config={"auth": auth}),
    ):
        pytest.fail("the server is up")
    [log] = tmp_path.glob("*.log")
    assert told in log.read_text()
    assert "Traceback" not in log.read_text()
