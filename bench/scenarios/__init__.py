"""All scenarios, in the order in which they are run and told."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios import memory, object_store, pulls, pushes, small

SCENARIOS: tuple[Scenario, ...] = (
    *small.SCENARIOS,
    *pulls.SCENARIOS,
    *pushes.SCENARIOS,
    *memory.SCENARIOS,
    *object_store.SCENARIOS,
)
