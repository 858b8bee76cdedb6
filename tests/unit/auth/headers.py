"""What clients send and authorities answer, in the words of tests."""

import base64
from collections.abc import Sequence

import pytest

from layerstore.auth.access import Access, Authority, Grant
from layerstore.oci.errors import Unauthorized

SOMEWHERE = "192.0.2.7"
ORIGIN = "https://registry.example"


def on(name: str, *actions: str) -> list[Access]:
    return [Access("repository", name, action) for action in actions]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def challenge_of(
    authority: Authority,
    authorization: str | None,
    wanted: Sequence[Access] = (),
    peer: str = SOMEWHERE,
    origin: str = ORIGIN,
) -> str:
    """What an authority that lets nobody in says."""
    with pytest.raises(Unauthorized) as refusal:
        await authority.authorize(authorization, wanted, peer, origin)
    return refusal.value.challenge


async def grant_of(
    authority: Authority,
    authorization: str | None,
    wanted: Sequence[Access] = (),
    peer: str = SOMEWHERE,
) -> Grant:
    return await authority.authorize(authorization, wanted, peer, ORIGIN)
