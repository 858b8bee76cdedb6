"""All scenarios, in the order in which they are run and told."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios import docker, memory, object_store, processor, pulls, pushes, small

SCENARIOS: tuple[Scenario, ...] = (
    *small.SCENARIOS,
    *pulls.SCENARIOS,
    *pushes.SCENARIOS,
    *processor.SCENARIOS,
    *docker.SCENARIOS,
    *memory.SCENARIOS,
    *object_store.SCENARIOS,
)
