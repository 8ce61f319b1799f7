from __future__ import annotations

import pytest
from pydantic import SecretStr

from orders_sync.encryption import Cipher, NotDecrypted, new_key, read_keys
from orders_sync.errors import ConfigurationError


def cipher_of(*keys: str, between: str = "\n") -> Cipher:
    return Cipher(SecretStr(between.join(keys)))


def test_what_is_encrypted_is_read_again_and_shows_nothing() -> None:
    cipher = cipher_of(new_key())

    sealed = cipher.encrypt("topsecret-ç")

    assert cipher.decrypt(sealed) == "topsecret-ç"
    assert "topsecret" not in sealed
    assert cipher.encrypt("topsecret-ç") != sealed


@pytest.mark.parametrize("between", ["\n", ",", " , ", "  \n"])
def test_the_first_key_encrypts_and_all_decrypt(between: str) -> None:
    old, new = new_key(), new_key()
    sealed = cipher_of(old).encrypt("secret")

    both = cipher_of(new, old, between=between)

    assert both.decrypt(sealed) == "secret"
    assert cipher_of(new).decrypt(both.renew(sealed)) == "secret"
    assert cipher_of(new).decrypt(both.encrypt("more")) == "more"


def test_another_key_reads_nothing_and_says_which_setting_to_look_at() -> None:
    sealed = cipher_of(new_key()).encrypt("secret")

    for cipher in (cipher_of(new_key()), Cipher(None)):
        with pytest.raises(NotDecrypted, match="ORDERS_SYNC_SECRETS_KEY"):
            cipher.decrypt(sealed)
    with pytest.raises(NotDecrypted, match="ORDERS_SYNC_SECRETS_KEY"):
        cipher_of(new_key()).renew(sealed)


def test_without_a_key_nothing_is_encrypted_and_the_way_out_is_said() -> None:
    with pytest.raises(ConfigurationError, match="orders-sync accounts new-key"):
        Cipher(None).encrypt("secret")


@pytest.mark.parametrize("text", ["topsecret", "", "\n", f"{'a' * 43}=,topsecret"])
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="new-key") as caught:
        read_keys(SecretStr(text))

    assert "topsecret" not in str(caught.value)
