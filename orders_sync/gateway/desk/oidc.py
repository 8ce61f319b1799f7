"""Signing in at an OpenID Connect provider: authorization code with PKCE, and the ID token.

https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlencode

import requests

from orders_sync.errors import ConfigurationError, OrdersSyncError
from orders_sync.settings_parts import OidcSettings

#: Asymmetric ones: a party that checks signatures must not be able to make them.
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_SECONDS: Final = (5.0, 10.0)
#: The provider's published documents are fetched again after so long.
_KEPT_SECONDS: Final = 3600.0
#: A person has so long to sign in at the provider.
_PATIENCE: Final = timedelta(minutes=10)
_LEEWAY_SECONDS: Final = 60
_LONGEST_NAME: Final = 100


class ProviderAway(OrdersSyncError):
    """Raised where the provider does not answer, or not as a provider does."""


class SignInRefused(OrdersSyncError):
    """Raised where the answer is not valid; the message is for the log, and names nobody."""


@dataclass(frozen=True, slots=True)
class SignInTry:
    """What a browser keeps in a cookie while its user signs in at the provider."""

    state: str
    nonce: str
    verifier: str
    target: str
    began: str

    @classmethod
    def new(cls, target: str, now: datetime) -> SignInTry:
        """Return a new try, which leads to a path of the desk."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, target, now.isoformat())

    @classmethod
    def from_text(cls, text: str | None, *, state: str, now: datetime) -> SignInTry:
        """Return the try that a browser kept.

        Raises:
            SignInRefused: it is none, too old, or not the one that the answer is for.
        """
        try:
            kept = cls(**json.loads(base64.urlsafe_b64decode((text or "").encode())))
            is_late = now - datetime.fromisoformat(kept.began) > _PATIENCE
        except (ValueError, TypeError):
            raise SignInRefused("no sign-in was begun in this browser") from None
        if is_late or kept.state != state:
            raise SignInRefused("too late" if is_late else "the state is another one")
        return kept

    def to_text(self) -> str:
        """Return the try as the value of a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a provider names them, and their groups."""

    name: str
    groups: Sequence[str]


class Provider:
    """A provider, by its issuer; what it publishes is fetched when needed, and kept an hour.

    `clock` gives seconds that only grow.
    """

    def __init__(self, settings: OidcSettings, clock: Callable[[], float]) -> None:
        self._libraries = _libraries()
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Mapping[str, Any]]] = {}

    @property
    def label(self) -> str:
        """Its name for people."""
        return self._settings.label

    def begin(self, attempt: SignInTry, redirect_uri: str) -> str:
        """Return the URL at which a person signs in.

        Raises:
            ProviderAway: it does not answer.
        """
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
            )
        return str(url)

    def finish(
        self, code: str, attempt: SignInTry, redirect_uri: str, *, now: datetime
    ) -> Identity:
        """Return who signed in, by the code that the browser brought back.

        Raises:
            ProviderAway: it does not answer.
            SignInRefused: it refuses, or its ID token is not valid.
        """
        if not code:
            raise SignInRefused("there is no code")
        endpoint = self._endpoint("token_endpoint")
        try:
            with self._session(redirect_uri) as session:
                token = session.fetch_token(
                    endpoint,
                    code=code,
                    code_verifier=attempt.verifier,
                    timeout=_SECONDS,
                    allow_redirects=False,
                )
        except self._libraries.OAuthError as error:
            raise SignInRefused(f"the provider says {_word(error.error)}") from None
        except (requests.RequestException, ValueError) as error:
            raise ProviderAway(f"no token: {type(error).__name__}") from None
        return self._person(self._claims(token, attempt.nonce, now))

    def end_url(self, back: str) -> str | None:
        """Return the URL to sign out at; None where there is none, or the provider is away."""
        try:
            endpoint = self._metadata().get("end_session_endpoint")
        except ProviderAway:
            return None
        if not isinstance(endpoint, str):
            return None
        query = {"client_id": self._settings.client_id, "post_logout_redirect_uri": back}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def _session(self, redirect_uri: str) -> Any:
        secret = self._settings.client_secret
        return self._libraries.OAuth2Session(
            client_id=self._settings.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            token_endpoint_auth_method=self._auth_method() if secret else "none",
            scope=self._settings.scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _auth_method(self) -> str:
        # Left out, it is this one: https://openid.net/specs/openid-connect-discovery-1_0.html
        known = self._metadata().get("token_endpoint_auth_methods_supported")
        usual = "client_secret_basic"
        return "client_secret_post" if isinstance(known, list) and usual not in known else usual

    def _claims(self, token: Mapping[str, Any], nonce: str, now: datetime) -> Mapping[str, Any]:
        libraries, text = self._libraries, token.get("id_token")
        if not isinstance(text, str):
            raise SignInRefused("there is no ID token")
        try:
            decoded = self._decoded(text)
            claims = libraries.CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": self._metadata()["issuer"]},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
                {
                    "nonce": nonce,
                    "client_id": self._settings.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_SECONDS)
        except (libraries.JoseError, ValueError, TypeError) as error:
            raise SignInRefused(f"its ID token: {type(error).__name__} {_claim(error)}") from None
        return dict(claims)

    def _decoded(self, text: str) -> Any:
        """Return a token with a valid signature; its key may be newer than those that are kept.

        Raises:
            JoseError: it is not.
        """
        libraries = self._libraries
        try:
            return libraries.decode(text, self._keys(), algorithms=_ALGORITHMS)
        except (libraries.InvalidKeyIdError, libraries.BadSignatureError):
            keys = self._keys(is_fresh=True)
            return libraries.decode(text, keys, algorithms=_ALGORITHMS)

    def _keys(self, *, is_fresh: bool = False) -> Any:
        published = self._fetched(self._endpoint("jwks_uri"), is_fresh=is_fresh)
        try:
            return self._libraries.KeySet.import_key_set(published)
        except (self._libraries.JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderAway(f"its keys: {type(error).__name__}") from None

    def _person(self, claims: Mapping[str, Any]) -> Identity:
        name, groups = (
            claims.get(claim) for claim in (self._settings.name_claim, self._settings.groups_claim)
        )
        if not (isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()):
            raise SignInRefused(f"the claim {self._settings.name_claim} is no name")
        listed = [groups] if isinstance(groups, str) else groups
        known = listed if isinstance(listed, list) else []
        return Identity(name, [group for group in known if isinstance(group, str)])

    def _endpoint(self, name: str) -> str:
        url = self._metadata().get(name)
        if not isinstance(url, str):
            raise ProviderAway(f"it publishes no {name}")
        return url

    def _metadata(self) -> Mapping[str, Any]:
        issuer = (self._settings.issuer or "").rstrip("/")
        metadata = self._fetched(f"{issuer}/.well-known/openid-configuration")
        if str(metadata.get("issuer", "")).rstrip("/") != issuer:
            raise ProviderAway("it publishes another issuer")
        return metadata

    def _fetched(self, url: str, *, is_fresh: bool = False) -> Mapping[str, Any]:
        """Return a document of the provider, an hour old at most."""
        now = self._clock()
        with self._lock:
            fetched_at, document = self._kept.get(url, (0.0, None))
        if document is not None and not is_fresh and now - fetched_at < _KEPT_SECONDS:
            return document
        try:
            response = requests.get(url, timeout=_SECONDS, allow_redirects=False)
            response.raise_for_status()
            document = response.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderAway(f"{type(error).__name__}") from None
        if not isinstance(document, dict):
            raise ProviderAway("it publishes no JSON object")
        with self._lock:
            self._kept[url] = now, document
        return document


def _libraries() -> Any:
    try:
        from authlib.integrations.requests_client import (  # noqa: PLC0415 - an extra.
            OAuth2Session,
            OAuthError,
        )
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415
        from joserfc.errors import (  # noqa: PLC0415
            BadSignatureError,
            InvalidKeyIdError,
            JoseError,
        )
        from joserfc.jwk import KeySet  # noqa: PLC0415
        from joserfc.jwt import decode  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "ORDERS_SYNC_DESK__OIDC__ISSUER needs Authlib: pip install 'orders-sync[oidc]'"
        ) from None
    return SimpleNamespace(
        BadSignatureError=BadSignatureError,
        CodeIDToken=CodeIDToken,
        InvalidKeyIdError=InvalidKeyIdError,
        JoseError=JoseError,
        KeySet=KeySet,
        OAuth2Session=OAuth2Session,
        OAuthError=OAuthError,
        decode=decode,
    )


def _word(text: object) -> str:
    """Return an error's code; any other text of a provider could name a person."""
    word = str(text)
    return word if word.isascii() and word.replace("_", "").isalnum() else "no"


def _claim(error: Exception) -> str:
    return _word(getattr(error, "claim", ""))
