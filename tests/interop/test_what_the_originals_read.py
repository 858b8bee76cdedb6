"""One of everything that Layerstore stores is served by the originals too, sha512 included."""

from __future__ import annotations

import json

from tests.interop.everything import push_everything
from tests.servers import Server
from tests.wire.client import SocketWire


def test_one_of_everything_is_served_by_the_original(fleet: tuple[Server, Server]) -> None:
    ours, theirs = (SocketWire(server.host) for server in fleet)
    everything = push_everything(ours, with_schema1=False)
    tagged = {
        (name, tag): everything.manifests[name, digest]
        for (name, tag), digest in everything.tags.items()
    }
    for (name, reference), content in {**everything.manifests, **tagged}.items():
        accept = {"Accept": json.loads(content)["mediaType"]}
        answer = theirs.ask("GET", f"/v2/{name}/manifests/{reference}", accept)
        assert (answer.status, answer.body) == (200, content), (name, reference)
    for (name, digest), content in everything.blobs.items():
        answer = theirs.ask("GET", f"/v2/{name}/blobs/{digest}")
        assert (answer.status, answer.body) == (200, content), (name, digest)
    for (name, tag), digest in everything.tags.items():
        assert theirs.ask("DELETE", f"/v2/{name}/manifests/{digest}").status == 202
        assert ours.ask("GET", f"/v2/{name}/manifests/{tag}").status == 404
