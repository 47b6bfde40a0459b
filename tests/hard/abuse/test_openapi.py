"""What schemathesis makes of the description of a running service: every answer is one that it describes.

The description is the service's own, at ``/openapi.json``. Bounded, and the same requests each time.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.hard.abuse.conftest import Demo
from tests.support.service_process import DEADLINE

pytestmark = pytest.mark.long

#: requests for each operation
EXAMPLES = 4

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def description(demo: Demo) -> Any:
    return schemathesis.openapi.from_url(f"{demo.service.address}/openapi.json")


def _has_parameters(operation: Any) -> bool:
    return "{" in operation.path and operation.method != "options"


@pytest.mark.parametrize(
    ("is_logged_in", "mode"),
    [(True, GenerationMode.POSITIVE), (False, GenerationMode.POSITIVE), (True, GenerationMode.NEGATIVE)],
    ids=["as described", "as described, by nobody", "against the description"],
)
def test_every_operation_keeps_to_its_description(
    demo: Demo, description: Any, is_logged_in: bool, mode: GenerationMode
) -> None:
    asked = 0
    headers = {"Cookie": demo.cookie.decode().partition(": ")[2]} if is_logged_in else {}
    # where there is nothing to be wrong there is no way to be it
    operations = [
        result.ok()
        for result in description.get_all_operations()
        if mode is GenerationMode.POSITIVE or _has_parameters(result.ok())
    ]
    assert len(operations) > 20
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            response = case.call(base_url=demo.service.address, headers=headers, timeout=DEADLINE)
            case.validate_response(response, checks=CHECKS)

        ask()
    assert asked >= 2 * len(operations)
