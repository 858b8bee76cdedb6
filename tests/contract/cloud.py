"""The contract on stores whose stand-ins are slow: what takes long is run by `make test-clouds`."""

from __future__ import annotations

import os

import pytest

from layerstore.storage.objects.store import KEYS_PER_PAGE
from tests.contract.object_store import ObjectStoreSuite

IS_LONG = bool(os.environ.get("LAYERSTORE_LONG"))
LATER = frozenset(
    {
        "test_what_vanishes_meanwhile_is_skipped",
        "test_a_folder_that_vanishes_meanwhile_ends_its_listing",
        "test_the_pages_of_a_folder_join_without_a_gap",
    }
)


class CloudSuite(ObjectStoreSuite):
    many = ObjectStoreSuite.many if IS_LONG else KEYS_PER_PAGE + 20

    @pytest.fixture(autouse=True)
    def later(self, request: pytest.FixtureRequest) -> None:
        if request.node.originalname in LATER and not IS_LONG:
            pytest.skip("takes long: make test-clouds")
