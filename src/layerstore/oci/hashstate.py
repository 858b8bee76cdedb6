"""Hashing that one process begins and another goes on with.

hashlib cannot save its state. libcrypto's `SHA256_CTX` is a plain struct, reached through ctypes at
hashlib's speed and with the interpreter released, and converts to and from the bytes that Go
writes below `_uploads/<id>/hashstates/<algorithm>/<offset>` (registry-facts §1.8). Where the
library is missing, hashing works as before and no state is saved: the content is read again.
Nothing here is ever unpickled.
"""

import ctypes
import ctypes.util
import struct
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from layerstore.oci.digest import CANONICAL, Digest, Hasher, PlainHasher

_BLOCK_WORDS: Final = 16
_STATE_WORDS: Final = 8
_LIBRARIES: Final = ("libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.3.dylib")


class _Context256(ctypes.Structure):
    _fields_ = (
        ("words", ctypes.c_uint32 * _STATE_WORDS),
        ("bits_low", ctypes.c_uint32),
        ("bits_high", ctypes.c_uint32),
        ("block", ctypes.c_uint8 * 64),
        ("pending", ctypes.c_uint),
        ("digest_length", ctypes.c_uint),
    )


class _Context512(ctypes.Structure):
    _fields_ = (
        ("words", ctypes.c_uint64 * _STATE_WORDS),
        ("bits_low", ctypes.c_uint64),
        ("bits_high", ctypes.c_uint64),
        ("block", ctypes.c_uint8 * 128),
        ("pending", ctypes.c_uint),
        ("digest_length", ctypes.c_uint),
    )


class _Algorithm(NamedTuple):
    """Where libcrypto and Go keep what belongs to one algorithm."""

    prefix: str
    context: type[ctypes.Structure]
    magic: bytes
    word: str
    word_bits: int
    block_size: int
    digest_size: int


_ALGORITHMS: Final = {
    "sha256": _Algorithm("SHA256", _Context256, b"sha\x03", "I", 32, 64, 32),
    "sha384": _Algorithm("SHA384", _Context512, b"sha\x04", "Q", 64, 128, 48),
    "sha512": _Algorithm("SHA512", _Context512, b"sha\x07", "Q", 64, 128, 64),
}


class ResumableHasher:
    """A Hasher whose state can be saved and restored."""

    def __init__(self, algorithm: str = CANONICAL) -> None:
        self._name = algorithm
        self._facts = _ALGORITHMS[algorithm]
        self._library = _library()
        # Any: the fields of a ctypes structure carry no types.
        self._context: Any = self._facts.context()
        self._call("Init", self._context)

    def _call(self, verb: str, context: ctypes.Structure, *arguments: object) -> None:
        function = getattr(self._library, f"{self._facts.prefix}_{verb}")
        if function(ctypes.byref(context), *arguments) != 1:
            raise RuntimeError(f"libcrypto refused {self._facts.prefix}_{verb}")

    @property
    def size(self) -> int:
        bits = self._context.bits_high << self._facts.word_bits | self._context.bits_low
        return int(bits) // 8

    def update(self, chunk: bytes) -> None:
        self._call("Update", self._context, chunk, ctypes.c_size_t(len(chunk)))

    def digest(self) -> Digest:
        copy = type(self._context).from_buffer_copy(self._context)
        out = ctypes.create_string_buffer(self._facts.digest_size)
        function = getattr(self._library, f"{self._facts.prefix}_Final")
        if function(out, ctypes.byref(copy)) != 1:
            raise RuntimeError("libcrypto refused to end a hash")
        return Digest(f"{self._name}:{out.raw.hex()}")

    def state(self) -> bytes | None:
        facts = self._facts
        pending = bytes(self._context.block)[: self._context.pending]
        return (
            facts.magic
            + struct.pack(f">{_STATE_WORDS}{facts.word}", *self._context.words)
            + pending.ljust(facts.block_size, b"\0")
            + struct.pack(">Q", self.size)
        )

    def restore(self, state: bytes) -> bool:
        """Go on from a saved state; False, with nothing changed, when it is none of ours."""
        facts = self._facts
        words_size = _STATE_WORDS * facts.word_bits // 8
        if len(state) != 4 + words_size + facts.block_size + 8 or state[:4] != facts.magic:
            return False
        words = struct.unpack_from(f">{_STATE_WORDS}{facts.word}", state, 4)
        (size,) = struct.unpack_from(">Q", state, len(state) - 8)
        if size >= 1 << 60:
            return False
        pending = state[4 + words_size :][: size % facts.block_size]
        self._fill(words, size, pending)
        return True

    def _fill(self, words: tuple[int, ...], size: int, pending: bytes) -> None:
        context = self._context
        context.words[:] = words
        context.bits_high, context.bits_low = divmod(size * 8, 1 << self._facts.word_bits)
        ctypes.memset(context.block, 0, self._facts.block_size)
        ctypes.memmove(context.block, pending, len(pending))
        context.pending = len(pending)


@cache
def _library() -> ctypes.CDLL:
    """libcrypto with all that is needed; OSError or AttributeError when it is not to be had."""
    for name in _library_names():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for facts in _ALGORITHMS.values():
            _declare(library, facts)
        return library
    raise OSError("libcrypto is not installed")


def _library_names() -> Iterator[str]:
    yield from _LIBRARIES
    found = ctypes.util.find_library("crypto")  # runs other programs: for who has none of these
    if found is not None:
        yield found


def _declare(library: ctypes.CDLL, facts: _Algorithm) -> None:
    pointer = ctypes.POINTER(facts.context)
    for verb, arguments in (
        ("Init", [pointer]),
        ("Update", [pointer, ctypes.c_char_p, ctypes.c_size_t]),
    ):
        function = getattr(library, f"{facts.prefix}_{verb}")
        function.argtypes, function.restype = arguments, ctypes.c_int
    final = getattr(library, f"{facts.prefix}_Final")
    final.argtypes, final.restype = [ctypes.c_char_p, pointer], ctypes.c_int


def _vectors_hold() -> bool:
    """Whether this libcrypto's structs are laid out as expected, tried on three bytes."""
    for algorithm in _ALGORITHMS:
        first, second = ResumableHasher(algorithm), ResumableHasher(algorithm)
        first.update(b"ab")
        if not second.restore(first.state() or b"") or second.size != 2:
            return False
        second.update(b"c")
        if second.digest() != Digest.of(b"abc", algorithm):
            return False
    return True


@cache
def can_save_states() -> bool:
    """Whether this machine can save hash states at all; found out once."""
    try:
        return _vectors_hold()
    except (OSError, AttributeError, RuntimeError):
        return False


def new_hasher(algorithm: str = CANONICAL) -> Hasher:
    """The best Hasher that this machine has for an algorithm."""
    return ResumableHasher(algorithm) if can_save_states() else PlainHasher(algorithm)


def resume_hasher(algorithm: str, state: bytes, size: int) -> Hasher | None:
    """A Hasher that has already taken `size` bytes; None when the state does not say that."""
    if not can_save_states():
        return None
    hasher = ResumableHasher(algorithm)
    return hasher if hasher.restore(state) and hasher.size == size else None
