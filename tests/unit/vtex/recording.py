"""A client whose transport gives prepared answers and keeps what was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.exchange import Request, Response

SAMPLES = Path(__file__).parents[2] / "samples" / "vtex"
CREDENTIALS = Credentials(SecretStr("the-key"), SecretStr("the-token"))


@dataclass
class Recorder:
    """A transport that gives the answers it was made with and keeps the requests."""

    answers: list[Response]
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0)

    @property
    def sent(self) -> tuple[str, str, Any]:
        """Method, path and body of the one request."""
        (request,) = self.requests
        return (
            request.method,
            request.path,
            None if request.body is None else json.loads(request.body),
        )


def sample(name: str) -> Response:
    head = json.loads((SAMPLES / name / "response.json").read_text())
    return Response(head["status"], head["headers"], (SAMPLES / name / "body").read_bytes())


def client_of(*answers: Response | str) -> tuple[VtexClient, Recorder]:
    recorder = Recorder([sample(it) if isinstance(it, str) else it for it in answers])
    return VtexClient("mystore", recorder, CREDENTIALS), recorder
