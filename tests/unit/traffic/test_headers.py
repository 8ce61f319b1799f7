from __future__ import annotations

import pytest

from orders_sync.traffic.limiter import budget_left


@pytest.mark.parametrize("prefix", ["Ratelimit", "X-RateLimit"])
def test_the_budget_that_is_left_is_read(prefix: str) -> None:
    headers = {f"{prefix}-Remaining": "12", f"{prefix}-Reset": "30"}

    left = budget_left(headers.get)

    assert left == (12, 30.0)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Ratelimit-Remaining": "12"}, id="no reset"),
        pytest.param({"Ratelimit-Reset": "12"}, id="no remaining"),
        pytest.param(
            {"Ratelimit-Remaining": "12", "Ratelimit-Reset": "1764244800"}, id="an instant"
        ),
        pytest.param({"Ratelimit-Remaining": "12", "Ratelimit-Reset": "0"}, id="no time"),
        pytest.param({"Ratelimit-Remaining": "-1", "Ratelimit-Reset": "30"}, id="negative"),
        pytest.param({"Ratelimit-Remaining": "nan", "Ratelimit-Reset": "30"}, id="no number"),
        pytest.param({"Ratelimit-Remaining": "١٢", "Ratelimit-Reset": "30"}, id="other digits"),
    ],
)
def test_headers_that_make_no_sense_are_ignored(headers: dict[str, str]) -> None:
    assert budget_left(headers.get) is None
