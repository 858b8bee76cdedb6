"""Hash states in the format of the original: vectors of registry-facts §1.8."""

import hashlib
import subprocess
import sys

import pytest

from layerstore.oci.digest import HEX_LENGTHS, Digest
from layerstore.oci.hashstate import (
    ResumableHasher,
    can_save_states,
    new_hasher,
    resume_hasher,
)

MAGIC = "73686103"
INITIAL = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"
HUNDRED = "fc99a2df88f42a7a7bb9d18033cdc6a20256755f9d5b9a5044a9cc315abe84a7"

VECTORS = [
    (b"", MAGIC + INITIAL + "00" * 64 + f"{0:016x}"),
    (b"hello world", MAGIC + INITIAL + b"hello world".hex().ljust(128, "0") + f"{11:016x}"),
    (
        bytes(range(100)),
        MAGIC + HUNDRED + bytes(range(64, 100)).hex().ljust(128, "0") + f"{100:016x}",
    ),
]


@pytest.mark.parametrize(("content", "state"), VECTORS, ids=["empty", "hello", "hundred"])
def test_a_state_is_the_original_s_108_bytes(content: bytes, state: str) -> None:
    hasher = ResumableHasher()
    hasher.update(content)
    saved = hasher.state()
    assert saved is not None
    assert saved.hex() == state
    assert len(saved) == 108


@pytest.mark.parametrize("algorithm", sorted(HEX_LENGTHS))
@pytest.mark.parametrize("cut", [0, 1, 63, 64, 65, 127, 128, 1000])
def test_another_hasher_goes_on_where_the_first_stopped(algorithm: str, cut: int) -> None:
    content = bytes(i % 251 for i in range(2000))
    first = new_hasher(algorithm)
    first.update(content[:cut])
    state = first.state()
    assert state is not None
    second = resume_hasher(algorithm, state, cut)
    assert second is not None
    second.update(content[cut:])
    assert second.digest() == Digest.of(content, algorithm)
    assert second.size == len(content)


def test_a_state_in_the_pending_bytes_of_which_stands_rubbish_is_read_all_the_same() -> None:
    state = bytearray.fromhex(VECTORS[1][1])
    state[36 + 11 : 100] = b"\xff" * 53
    hasher = resume_hasher("sha256", bytes(state), 11)
    assert hasher is not None
    assert hasher.digest().hex == hashlib.sha256(b"hello world").hexdigest()


@pytest.mark.parametrize(
    "state",
    [b"", b"sha\x03", bytes(108), b"sha\x02" + bytes(104), b"gob" * 40, bytes(204)],
    ids=["empty", "short", "zeros", "sha224", "gob", "long"],
)
def test_a_foreign_state_is_refused(state: bytes) -> None:
    assert resume_hasher("sha256", state, 0) is None


def test_a_state_for_another_size_is_refused() -> None:
    assert resume_hasher("sha256", bytes.fromhex(VECTORS[1][1]), 12) is None


def test_a_digest_may_be_asked_for_in_between() -> None:
    hasher = new_hasher()
    hasher.update(b"a")
    assert hasher.digest() == Digest.of(b"a")
    hasher.update(b"b")
    assert hasher.digest() == Digest.of(b"ab")


def test_a_library_with_the_usual_name_is_found_without_running_programs() -> None:
    """It ran `ldconfig` and a compiler, on the event loop, at the first push to each worker."""
    story = """
import sys
from layerstore.oci.hashstate import can_save_states

def forbid(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"):
        raise AssertionError(arguments)

sys.addaudithook(forbid)
assert can_save_states()
"""
    subprocess.run([sys.executable, "-c", story], check=True)


def test_this_machine_can_save_states() -> None:
    assert can_save_states()
