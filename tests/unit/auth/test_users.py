"""The password file: what its lines mean, and how it comes to be."""

import logging
import os
import stat
from pathlib import Path

import bcrypt
import pytest

from layerstore.auth import passwords
from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.users import FIRST_USER, Users, parse_users, provide
from tests.fakes import FakeClock

SECRET = b"secret of this process"
HASH = b"$2y$04$" + b"a" * 21 + b"e" + b"b" * 31


def parsed(*lines: bytes) -> Users:
    return parse_users(b"\n".join(lines), SECRET)


@pytest.mark.parametrize("version", [b"2a", b"2b", b"2y"])
def test_all_three_spellings_of_bcrypt_are_read(version: bytes) -> None:
    hashed = b"$" + version + HASH[3:]
    assert parsed(b"alice:" + hashed).hash_of("alice") == hashed


@pytest.mark.parametrize(
    "other",
    [
        b"$apr1$salt$hash",
        b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        b"$5$rounds=1000$salt$hash",
        b"plain",
        b"",
        HASH[:-1],
        HASH + b"x",
        HASH.replace(b"$04$", b"$31$"),
        HASH.replace(b"$04$", b"$03$"),
        HASH.replace(b"$2y$", b"$2x$"),
    ],
)
def test_other_hashes_fit_nobody_and_are_told_once(
    other: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    users = parsed(b"alice:" + other, b"bob:" + other, b"carol:" + HASH)
    assert users.hash_of("alice") is None
    assert users.hash_of("carol") == HASH
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "2 lines" in caplog.text
    assert other.decode() not in caplog.text or not other


def test_comments_and_empty_lines_say_nothing() -> None:
    users = parsed(b"# a comment: with a colon", b"", b"  ", b"  alice:" + HASH + b"  ", b"\r")
    assert users.hash_of("alice") == HASH


def test_the_last_line_of_a_name_counts() -> None:
    later = HASH.replace(b"bb", b"cc")
    assert parsed(b"alice:" + HASH, b"alice:" + later).hash_of("alice") == later
    assert parsed(b"alice:" + HASH, b"alice:{SHA}x").hash_of("alice") is None


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"alice", "line 2 is not of the form name:hash"),
        (b"al\xffice:" + HASH, "the name in line 2 is not UTF-8"),
        (b"al\x07ice:" + HASH, "the name in line 2 has characters that cannot be shown"),
    ],
)
def test_a_file_that_is_no_password_file_is_refused_with_its_line(
    line: bytes, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        parsed(b"bob:" + HASH, line)


def test_names_are_compared_exactly() -> None:
    """Bug museum 18."""
    users = parsed(b"alice:" + HASH)
    for name in ("Alice", "alic", "alice ", "alice1", "ALICE", "alice\x00", ""):
        assert users.hash_of(name) is None


def test_who_is_not_there_has_a_decoy_as_dear_as_somebodys() -> None:
    users = parsed(b"a:" + HASH, b"b:" + HASH.replace(b"$04$", b"$12$"))
    decoys = {name: users.decoy_for(name) for name in map(str, range(64))}
    assert {passwords.cost(decoy) for decoy in decoys.values()} == {4, 12}
    assert all(users.decoy_for(name) == decoy for name, decoy in decoys.items())


def test_a_decoy_costs_the_usual_in_a_file_without_users() -> None:
    assert passwords.cost(parsed().decoy_for("alice")) == passwords.COST_NEW


def test_a_decoy_fits_no_password() -> None:
    decoy = passwords.decoy(4)
    assert passwords.cost(decoy) == 4
    assert not any(passwords.matches(word, decoy) for word in (b"", b".", b"." * 72, decoy))


def test_a_password_longer_than_bcrypt_looks_at_is_cut_as_everywhere() -> None:
    hashed = passwords.new_hash(b"x" * 72 + b"ignored")
    assert passwords.matches(b"x" * 72, hashed)
    assert passwords.matches(b"x" * 72 + b"other", hashed)
    assert not passwords.matches(b"x" * 71, hashed)


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        (b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        (b"\xff\xff\xa3", b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
    ],
)
def test_published_vectors_hold(password: bytes, hashed: bytes) -> None:
    """From the tests of crypt_blowfish, whose hashes `htpasswd -B` writes."""
    assert passwords.cost(hashed) == 5
    assert passwords.matches(password, hashed)
    assert not passwords.matches(password + b"x", hashed)


def test_a_missing_file_is_made_for_one_user_whose_password_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "new" / "folder" / "htpasswd"
    provide(path, FakeClock())
    hashed = parse_users(path.read_bytes(), SECRET).hash_of(FIRST_USER)
    told = caplog.records[-1].getMessage()
    password = told.rpartition(" ")[2].encode()
    assert hashed is not None
    assert passwords.matches(password, hashed)
    assert str(path) in told
    assert len(password) >= 40
    caplog.clear()
    provide(path, FakeClock(seed=1))
    assert not caplog.records


def test_a_file_that_is_made_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "htpasswd"
    before = os.umask(0)
    try:
        provide(path, FakeClock())
    finally:
        os.umask(before)
    assert [stat.S_IMODE(entry.stat().st_mode) for entry in (path, *list(path.parents)[:2])] == [
        0o600,
        0o700,
        0o700,
    ]
    assert [entry.name for entry in path.parent.iterdir()] == ["htpasswd"]


def test_a_file_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuthorityUnusable, match=r"auth\.htpasswd\.path: there is no .*/x, and"):
        provide(tmp_path / "file" / "x", FakeClock())


def test_of_two_that_make_the_file_one_wins_and_tells(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "htpasswd"
    real = os.link

    def beaten(source: Path, target: Path) -> None:
        target.write_text("somebody:else")
        real(source, target)

    monkeypatch.setattr(os, "link", beaten)
    provide(path, FakeClock())
    assert path.read_text() == "somebody:else"
    assert not caplog.records
    assert [entry.name for entry in tmp_path.iterdir()] == ["htpasswd"]


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5_000])
def test_a_path_that_can_be_none_stops_the_start_in_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(AuthorityUnusable, match=r"auth\.htpasswd\.path: "):
        provide(tmp_path / name, FakeClock())


def test_a_comment_behind_another_colon_says_nothing() -> None:
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4))
    users = parse_users(b"alice:%s:of the third floor\n" % hashed, b"secret")
    assert users.hash_of("alice") == hashed
