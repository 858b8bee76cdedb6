"""Locks across instances that share nothing but an object store."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.registry.locks import RETRY_AFTER_SECONDS, Locks, ProcessLocks
from layerstore.storage.objects.claims import Claimed, Claims, HeldTooLong


class StoreLocks:
    """Locks as claims on the store, behind those of this process, so that it waits for itself
    without asking anybody.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._inside = ProcessLocks()

    @asynccontextmanager
    async def digest(self, name: Name, digest: Digest) -> AsyncIterator[None]:
        async with self._inside.digest(name, digest), self._claimed([f"{name}@{digest}"]):
            yield

    @asynccontextmanager
    async def tags(self, name: Name, tags: Sequence[Tag]) -> AsyncIterator[None]:
        names = [f"{name}:{tag}" for tag in sorted(set(tags))]
        async with self._inside.tags(name, tags), self._claimed(names):
            yield

    @asynccontextmanager
    async def _claimed(self, names: Sequence[str]) -> AsyncIterator[None]:
        try:
            async with AsyncExitStack() as held:
                for name in names:
                    await held.enter_async_context(self._claims.hold(name))
                yield
        except Claimed:
            raise Unavailable(
                message="another change of the same thing is under way",
                retry_after=RETRY_AFTER_SECONDS,
            ) from None
        except HeldTooLong:
            raise Unavailable(
                message="the storage is too slow for this change now",
                retry_after=RETRY_AFTER_SECONDS,
            ) from None


_: type[Locks] = StoreLocks
