"""Images of schema 2, told in schema 1 to clients that know no other (decisions 6, row 4)."""

from layerstore.oci import schema1
from layerstore.oci.descriptor import SCHEMA1
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestNotAcceptable
from layerstore.oci.manifest import Manifest, parse
from layerstore.oci.name import Tag
from layerstore.oci.schema1 import CONFIG_BYTES_MAX, EMPTY_LAYER, EMPTY_LAYER_DIGEST
from layerstore.registry.notary import Notary
from layerstore.registry.repository import Repository
from layerstore.registry.revisions import StoredManifest, signed_by


class Downgrade:
    """Makes signed manifests of schema 1; nothing of them is stored but the empty layer.

    That layer is no part of the image, yet the client will ask for it. With `writes` off, for a
    registry that is read-only, an image that needs it is refused unless it is there already.
    """

    def __init__(self, notary: Notary, *, writes: bool = True) -> None:
        self._notary = notary
        self._writes = writes

    async def __call__(
        self, repository: Repository, tag: Tag, stored: StoredManifest
    ) -> StoredManifest:
        """The image under the tag, signed by the registry.

        Raises ManifestNotAcceptable when schema 1 cannot tell it, BlobUnknown without its
        configuration.
        """
        manifest = parse(stored.content, stored.media_type)
        config = await _config(repository, manifest)
        payload = schema1.made_of(manifest, config, repository.name, tag)
        if EMPTY_LAYER_DIGEST in schema1.parse(payload).digests:
            await self._see_to_empty_layer(repository)
        made = StoredManifest(Digest.of(payload), SCHEMA1, payload)
        return signed_by(made, self._notary.issue(payload, ()))

    async def _see_to_empty_layer(self, repository: Repository) -> None:
        if await repository.blobs.has(EMPTY_LAYER_DIGEST):
            return
        if not self._writes:
            raise ManifestNotAcceptable(
                message="the image cannot be told in schema 1 by a registry that is read-only"
            )
        await repository.blobs.put_bytes(EMPTY_LAYER_DIGEST, EMPTY_LAYER)


async def _config(repository: Repository, manifest: Manifest) -> bytes:
    if manifest.config is None:
        raise ManifestNotAcceptable(message="an index cannot be told in schema 1")
    blob = await repository.blobs.stat(manifest.config.digest)
    if blob.size > CONFIG_BYTES_MAX:
        raise ManifestNotAcceptable(
            {"limit": CONFIG_BYTES_MAX}, message="the image's configuration is too large"
        )
    return b"".join([piece async for piece in blob.read()])
