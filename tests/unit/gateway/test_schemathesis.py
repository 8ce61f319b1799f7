"""The API answers as its description says, whatever is sent that the description allows or not."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.gateway import Gateway
from support.office import STORE

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES = 12


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_every_call_is_answered_as_it_is_described(
    gateway: Gateway, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{gateway.url}/api/openapi.json")
    scopes = ("read", "persons", "send", "decide")
    headers = {"Authorization": f"Bearer {gateway.token(*scopes, accounts=None)}"}
    asked = 0

    for described in schema.get_all_operations():
        assert isinstance(described, Ok)
        operation = described.ok()

        @settings(
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            if asked % 2 and "account" in case.path_parameters:
                case.path_parameters["account"] = STORE
            case.call_and_validate(headers=headers, checks=CHECKS)

        ask()

    assert asked > EXAMPLES
