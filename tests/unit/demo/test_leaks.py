from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from orders_sync.demo.evidence import contains_personal_data, files_with_leaks

PEOPLE = ["João d'Ávila", "12345678901", "+5511987654321", "a1b2@ct.vtex.com.br", "Rua Conceição"]


def _message(body: str) -> str:
    return json.dumps({"body": base64.b64encode(body.encode()).decode(), "headers": {}})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("order of João d'Ávila failed", id="a name"),
        pytest.param("João d'Ávila", id="nothing else"),
        pytest.param('{"document":"12345678901"}', id="a document"),
        pytest.param("tel=+5511987654321,", id="a phone number"),
        pytest.param("tel=5511987654321", id="a phone number without its plus"),
        pytest.param("<a1b2@ct.vtex.com.br>", id="an address"),
        pytest.param(json.dumps("João d'Ávila"), id="escaped as JSON"),
        pytest.param(json.dumps(json.dumps("em Rua Conceição")), id="escaped twice"),
        pytest.param("body\\nRua Conceição\\n", id="after an escaped line end"),
        pytest.param(_message('["João d\'Ávila"]'), id="in the body of a task's message"),
        pytest.param(_message(json.dumps(["Rua Conceição"])), id="escaped in such a body"),
    ],
)
def test_personal_data_is_found(text: str) -> None:
    assert contains_personal_data(text, PEOPLE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("order 1234567890123-01 was handled", id="a longer number"),
        pytest.param("0012345678901", id="the end of a longer number"),
        pytest.param("João Silva", id="somebody else of that name"),
        pytest.param("João d'Ávilano", id="a longer name"),
        pytest.param('{"body": "no base64!"}', id="a body that is none"),
        pytest.param('{"body": "abcde"}', id="a body that is broken"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_only_resembles_personal_data_is_not(text: str) -> None:
    assert not contains_personal_data(text, PEOPLE)


def test_the_files_with_personal_data_are_named(tmp_path: Path) -> None:
    clean, leaky = tmp_path / "clean.log", tmp_path / "leaky.aof"
    clean.write_bytes(b"\xff\xfe order 1-01")
    leaky.write_bytes(b"*3\r\n\xff" + "João d'Ávila\r\n".encode())

    assert files_with_leaks([clean, leaky], PEOPLE) == [leaky]
