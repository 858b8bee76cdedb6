"""Who may what, where: every identity, action, repository and fault against tables.

The tables were written from the rules by hand. Letters: r pull, c create a tag, o overwrite one,
d delete.
"""

import itertools
from collections.abc import Iterator

import bcrypt
import pytest

from layerstore.auth.access import Access, Authority
from layerstore.auth.htpasswd import HtpasswdAuthority
from layerstore.auth.policies import PolicyAuthority, checked_rules
from layerstore.oci.errors import Denied, Unauthorized
from tests.fakes import FakeClock
from tests.issuer import entry
from tests.unit.auth.headers import ORIGIN, basic, on
from tests.unit.auth.tokens import good_claims, signer, token_authority, write_bundle

RULES = [
    {"repositories": ["public/**"], "actions": ["pull"]},
    {"users": ["*"], "repositories": ["public/**"], "actions": ["push"]},
    {"groups": ["team"], "repositories": ["team/**"], "actions": ["pull", "create"]},
    {"users": ["alice"], "repositories": ["team/*"], "actions": ["overwrite", "delete"]},
    {"users": ["*"], "repositories": ["users/{user}/**"], "actions": ["*"]},
    {"users": ["root"], "addresses": ["10.0.0.0/8"], "actions": ["*"]},
]
GROUPS = {"team": ["alice", "bob"]}

BY_PASSWORD = """
                  public/app  team/app  team/deep/app  users/alice/x  users/bob/x  secret
nobody            r           -         -              -              -            -
alice             rco         rcod      rc             rcod           -            -
bob               rco         rc        rc             -              rcod         -
carol             rco         -         -              -              -            -
root-inside       rcod        rcod      rcod           rcod           rcod         rcod
root-outside      rco         -         -              -              -            -
alice-wrong       -           -         -              -              -            -
alice-empty       -           -         -              -              -            -
bob-as-alice      -           -         -              -              -            -
unknown           -           -         -              -              -            -
bearer            -           -         -              -              -            -
garbage           -           -         -              -              -            -
"""

BY_TOKEN = """
                  public/app  team/app  team/deep/app  users/alice/x  users/bob/x  secret
nobody            r           -         -              -              -            -
all               rco         rcod      rc             rcod           -            -
pull              r           r         r              r              -            -
push              co          co        c              co             -            -
delete            -           d         -              d              -            -
team-only         -           rcod      -              -              -            -
nothing           -           -         -              -              -            -
no-name           r           -         -              -              -            -
expired           -           -         -              -              -            -
early             -           -         -              -              -            -
issuer            -           -         -              -              -            -
audience          -           -         -              -              -            -
stranger          -           -         -              -              -            -
cut               -           -         -              -              -            -
"""


def read(table: str) -> Iterator[tuple[str, str, str]]:
    """(who, repository, letters) of every cell."""
    head, *lines = table.strip().splitlines()
    for line in lines:
        who, *cells = line.split()
        for name, letters in zip(head.split(), cells, strict=True):
            yield who, name, letters.strip("-")


ACTIONS = {"r": "pull", "c": "create", "o": "overwrite", "d": "delete"}
REPOSITORIES = ["public/app", "team/app", "team/deep/app", "users/alice/x", "users/bob/x", "secret"]


async def found(authority: Authority, authorization: str | None, peer: str, name: str) -> str:
    """The letters that the authority allows there; both of its ways to say no are no."""
    letters = ""
    for letter, action in ACTIONS.items():
        if await _allowed(authority, authorization, peer, *on(name, action)):
            letters += letter
    pushes = await _allowed(authority, authorization, peer, *on(name, "push"))
    assert pushes == bool({"c", "o"} & set(letters))
    return letters


async def _allowed(
    authority: Authority, authorization: str | None, peer: str, wanted: Access
) -> bool:
    try:
        grant = await authority.authorize(authorization, [wanted], peer, ORIGIN)
    except (Denied, Unauthorized):
        return False
    return grant.allows(wanted)


@pytest.fixture(scope="module")
def by_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    path = tmp_path_factory.mktemp("passwords") / "htpasswd"
    path.write_text(
        "".join(
            f"{user}:{bcrypt.hashpw(user.encode()[::-1], bcrypt.gensalt(4)).decode()}\n"
            for user in ("alice", "bob", "carol", "root")
        )
    )
    inner = HtpasswdAuthority(path, "realm", FakeClock())
    yield PolicyAuthority(inner, checked_rules(RULES, GROUPS))
    inner.close()


INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.7"
CREDENTIALS: dict[str, tuple[str | None, str]] = {
    "nobody": (None, INSIDE),
    "alice": (basic("alice", "ecila"), INSIDE),
    "bob": (basic("bob", "bob"[::-1]), OUTSIDE),
    "carol": (basic("carol", "lorac"), INSIDE),
    "root-inside": (basic("root", "toor"), INSIDE),
    "root-outside": (basic("root", "toor"), OUTSIDE),
    "alice-wrong": (basic("alice", "Ecila"), INSIDE),
    "alice-empty": (basic("alice", ""), INSIDE),
    "bob-as-alice": (basic("alice", "bob"), INSIDE),
    "unknown": (basic("dave", "evad"), INSIDE),
    "bearer": ("Bearer alice", INSIDE),
    "garbage": ("alice", INSIDE),
}


@pytest.mark.parametrize(("who", "name", "letters"), list(read(BY_PASSWORD)))
async def test_by_password(who: str, name: str, letters: str, by_password: Authority) -> None:
    authorization, peer = CREDENTIALS[who]
    assert await found(by_password, authorization, peer, name) == letters


@pytest.fixture(scope="module")
def by_token(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    bundle = write_bundle(tmp_path_factory.mktemp("tokens"), signer())
    return PolicyAuthority(token_authority(bundle=bundle), checked_rules(RULES, GROUPS))


def token(who: str) -> str | None:
    """A token of alice's in all repositories, save for what its name says."""
    if who == "nobody":
        return None
    now = int(good_claims()["iat"])
    actions = {"pull": ["pull"], "push": ["push"], "delete": ["delete"]}.get(who, ["*"])
    names = {"team-only": ["team/app"], "nothing": []}.get(who, REPOSITORIES)
    changes: dict[str, dict[str, object]] = {
        "no-name": {"sub": ""},
        "expired": {"exp": now - 1000},
        "early": {"nbf": now + 1000},
        "issuer": {"iss": "another"},
        "audience": {"aud": "another"},
    }
    claims = good_claims(access=[entry(name, *actions) for name in names], **changes.get(who, {}))
    by = signer("ES256", 9) if who == "stranger" else signer()
    made = by.token(claims, kid=signer().thumbprint)
    return "Bearer " + (made[:-8] if who == "cut" else made)


@pytest.mark.parametrize(("who", "name", "letters"), list(read(BY_TOKEN)))
async def test_by_token(who: str, name: str, letters: str, by_token: Authority) -> None:
    assert await found(by_token, token(who), OUTSIDE, name) == letters


@pytest.mark.parametrize("who", sorted(CREDENTIALS))
async def test_a_list_shows_what_may_be_pulled(who: str, by_password: Authority) -> None:
    authorization, peer = CREDENTIALS[who]
    readable = {name for one, name, letters in read(BY_PASSWORD) if one == who and "r" in letters}
    for name in readable:
        grant = await by_password.authorize(authorization, on(name, "pull"), peer, ORIGIN)
        assert {each for each in REPOSITORIES if grant.sees(each)} == readable


def test_the_tables_leave_nothing_out() -> None:
    for table, identities in ((BY_PASSWORD, CREDENTIALS), (BY_TOKEN, None)):
        cells = [(who, name) for who, name, _ in read(table)]
        assert len(cells) == len(set(cells))
        assert {name for _, name in cells} == set(REPOSITORIES)
        whose = {who for who, _ in cells}
        assert identities is None or whose == set(identities)
        assert set(cells) == set(itertools.product(whose, REPOSITORIES))
