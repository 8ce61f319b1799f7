"""A small OpenID Connect provider on loopback: it lets everybody in, and signs what it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT = "orders-sync"
SECRET = "a secret of the client"


@dataclass
class OidcProvider:
    """What it says of whoever signs in, and how it behaves; `asked` is each code's question."""

    url: str
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "7", "preferred_username": "olivia", "groups": ["support"]}
    )
    #: Claims of the ID token in place of the right ones; None: left out.
    wrong: dict[str, Any] = field(default_factory=dict)
    signs: str = "RS256"
    #: Whether the keys that it publishes are those that it signs with.
    publishes: bool = True
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    keys: KeySet = field(default_factory=lambda: KeySet([_new_key()]))

    def rotate(self) -> None:
        """Sign with another key, and publish that alone."""
        self.keys = KeySet([_new_key()])

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes on, with a code."""
        code = secrets.token_urlsafe(16)
        self.asked[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return f"{query['redirect_uri']}?{back}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return what a code is worth, once."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        asked = self.asked.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = _base64(digest)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        if (asked["code_challenge"], asked["code_challenge_method"]) != (challenge, "S256"):
            return 400, {"error": "invalid_grant", "error_description": "olivia is not let in"}
        return 200, {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "id_token": self._id_token(asked["nonce"]),
        }

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        right = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {
            name: value
            for name, value in (self.claims | right | self.wrong).items()
            if value is not None
        }
        [key] = self.keys.keys
        header = {"alg": self.signs, "kid": key.kid}
        if self.signs not in {"none", "HS256"}:
            return str(jwt.encode(header, claims, key))
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        # With the public key for a secret, as an attacker does who has no other.
        public = json.dumps(key.as_dict(private=False)).encode()
        digest = hmac.digest(public, signed.encode(), "sha256")
        return f"{signed}.{'' if self.signs == 'none' else _base64(digest)}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.fetched.append(parts.path)
        match parts.path:
            case "/.well-known/openid-configuration":
                _answer(handler, 200, self.metadata())
            case "/jwks":
                published = self.keys if self.publishes else KeySet([_new_key()])
                _answer(handler, 200, dict(published.as_dict(private=False)))
            case "/authorize":
                handler.send_response(302)
                handler.send_header("Location", self.authorize(query))
                handler.end_headers()
            case "/token":
                length = int(handler.headers["Content-Length"])
                body = parse_qs(handler.rfile.read(length).decode())
                form = {name: values[0] for name, values in body.items()}
                _answer(handler, *self.token(form, handler.headers.get("Authorization", "")))
            case _:
                _answer(handler, 404, {})


def _base64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)


def _answer(handler: BaseHTTPRequestHandler, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def running_provider() -> Iterator[OidcProvider]:
    """Run it for as long as the block lasts."""
    provider = OidcProvider("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.answer(self)

        def do_POST(self) -> None:
            provider.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name.
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
