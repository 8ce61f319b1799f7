"""The API's description, and the page that is made from it."""

from __future__ import annotations

import re

import requests
from openapi_spec_validator import validate
from support.gateway import Gateway

from orders_sync.commands import KINDS
from orders_sync.gateway.docs import PROBLEMS
from orders_sync.gateway.rights import SCOPES


def test_the_description_is_valid_and_has_each_kind_with_its_fields(gateway: Gateway) -> None:
    description = requests.get(f"{gateway.url}/api/openapi.json", timeout=60).json()

    validate(description)
    assert description["openapi"].startswith("3.1")
    for kind in KINDS:
        path = f"/api/v1/accounts/{{account}}/orders/{{order_id}}/{kind.collection}"
        content = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        fields = description["components"]["schemas"][name].get("properties", {})
        assert set(fields) == set(kind.body.model_fields)
        kind.body.model_validate(content["example"])


def test_every_call_but_the_open_ones_wants_a_token(gateway: Gateway) -> None:
    description = requests.get(f"{gateway.url}/api/openapi.json", timeout=60).json()

    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"HTTPBearer": []}], path
            there = path.replace("{", "").replace("}", "").removeprefix("/api/v1")
            answer = gateway.call(method.upper(), there, None, json={"reason": "no", "body": {}})
            assert answer.status_code == 401, path


def test_the_page_shows_every_call_scope_and_problem_and_loads_nothing_from_elsewhere(
    gateway: Gateway,
) -> None:
    description = requests.get(f"{gateway.url}/api/openapi.json", timeout=60).json()

    answer = requests.get(f"{gateway.url}/api/docs", timeout=60)

    assert [path for path in description["paths"] if f" {path}</code>" not in answer.text] == []
    assert [scope for scope in SCOPES if f"<code>{scope}</code>" not in answer.text] == []
    assert [name for name in PROBLEMS if f'id="{name}"' not in answer.text] == []
    assert re.findall(r'(?:src|href)="(?!/)', answer.text) == []
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    style = requests.get(f"{gateway.url}/api/docs.css", timeout=60)
    assert style.headers["Content-Type"].startswith("text/css")
