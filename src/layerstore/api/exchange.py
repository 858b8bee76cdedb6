"""One request on its way to its answer, with all that a handler may use."""

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import msgspec

from layerstore.api.calls import Call
from layerstore.api.locations import Locations
from layerstore.api.options import ApiOptions
from layerstore.api.state import StateSealer
from layerstore.auth.access import Grant
from layerstore.auth.passes import Passes
from layerstore.oci.errors import TooManyRequests
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.repository import Repository
from layerstore.registry.revisions import StoredManifest
from layerstore.web.gathering import Gathering
from layerstore.web.message import Request, Response
from layerstore.web.ranges import conditional

Header: TypeAlias = tuple[str, str]


class Downgrade(Protocol):
    """Makes schema 1 of a stored schema 2 manifest (decisions 6, row 4)."""

    def __call__(
        self, repository: Repository, tag: Tag, stored: StoredManifest
    ) -> Awaitable[StoredManifest]:
        """The signed document, with its own digest and media type; nothing of it is stored."""


class UploadGate(Protocol):
    """Counts the bodies that a client is sending at the same time."""

    def enter(self, client: str) -> bool:
        """Let one more in; False when the client has as many as it may."""

    def leave(self, client: str) -> None:
        """One of those that were let in has ended."""


class Exchange(msgspec.Struct, frozen=True):
    """What a handler gets beside its call."""

    request: Request
    grant: Grant
    registry: LocalRegistry
    options: ApiOptions
    locations: Locations
    sealer: StateSealer
    gate: UploadGate
    gathering: Gathering
    downgrade: Downgrade | None
    passes: Passes | None = None

    def repository(self, name: Name) -> Repository:
        return self.registry.repository(name)

    def location(self, call: Call) -> Header:
        """The header that sends the client to the address of another call."""
        return ("location", self.locations.of(call, self.request))

    def next_page(self, call: Call) -> Header:
        """The header that names the address of the next part of a list (RFC 8288)."""
        return ("link", f'<{self.locations.of(call, self.request)}>; rel="next"')

    def unless_held(self, etag: str, headers: Sequence[Header]) -> Response | None:
        """The answer when the request's conditions on the entity tag decide, which `headers` tell.

        304 carries all that the whole answer would tell of the content but its type (RFC 9110
        §15.4.5, decisions 6).
        """
        status = conditional(self.request, etag)
        if status is None:
            return None
        return Response(status, [header for header in headers if header[0] != "content-type"])

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """A body is taken in here; TooManyRequests when the client sends too many at once."""
        client = self.grant.user or self.request.peer
        if not self.gate.enter(client):
            raise TooManyRequests("too many uploads at the same time")
        try:
            yield
        finally:
            self.gate.leave(client)
