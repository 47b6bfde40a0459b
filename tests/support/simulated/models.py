"""How models are run: the same in every run of the test command, others where ``MODEL_EXAMPLES`` says how many."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_WANTED = os.environ.get("MODEL_EXAMPLES")


def of_model(*, examples: int, steps: int) -> settings:
    """So many runs, of so many steps each at the most."""
    return settings(
        max_examples=int(_WANTED or examples),
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=_WANTED is None,
        suppress_health_check=list(HealthCheck),
        # what fails is shown as it came: making it smaller takes minutes
        phases=[Phase.generate],
    )
