from pathlib import Path

import pytest

from agents.enforcement.envoy import EnvoyOptions, Tls, read_options
from agents.environment import SettingsError


def test_without_a_word_about_it_an_account_is_in_its_header_and_there_is_no_tls() -> None:
    assert read_options({}, "127.0.0.1:1") == EnvoyOptions(address="127.0.0.1:1")


def test_everything_can_be_said_in_the_environment() -> None:
    environment = {
        "STILLWATCH_ENVOY_DOMAIN": "models",
        "STILLWATCH_ENVOY_ACCOUNT_HEADER": "x-account",
        "STILLWATCH_ENVOY_ACCOUNT_METADATA": "envoy.filters.http.jwt_authn/claims/sub",
        "STILLWATCH_ENVOY_CERTFILE": "/tls/cert.pem",
        "STILLWATCH_ENVOY_KEYFILE": "/tls/key.pem",
        "STILLWATCH_ENVOY_CAFILE": "/tls/ca.pem",
    }
    assert read_options(environment, "10.0.0.1:9471", "https://example.com/appeal") == EnvoyOptions(
        address="10.0.0.1:9471",
        domain="models",
        account_header="x-account",
        account_metadata=("envoy.filters.http.jwt_authn", "claims", "sub"),
        appeal_url="https://example.com/appeal",
        tls=Tls(Path("/tls/cert.pem"), Path("/tls/key.pem"), Path("/tls/ca.pem")),
    )


@pytest.mark.parametrize(
    ("environment", "address", "sentence"),
    [
        ({}, "10.0.0.1:9471", "may only listen on this machine"),
        ({"STILLWATCH_ENVOY_CERTFILE": "c"}, "127.0.0.1:1", "needs both STILLWATCH_ENVOY_CERTFILE and"),
        ({"STILLWATCH_ENVOY_KEYFILE": "k"}, "127.0.0.1:1", "needs both STILLWATCH_ENVOY_CERTFILE and"),
        ({"STILLWATCH_ENVOY_CAFILE": "a"}, "127.0.0.1:1", "needs both STILLWATCH_ENVOY_CERTFILE and"),
        ({"STILLWATCH_ENVOY_ACCOUNT_METADATA": "jwt"}, "127.0.0.1:1", "a namespace and a key, not only 'jwt'"),
        ({"STILLWATCH_ENVOY_ACCOUNT_HEADER": "X-Account"}, "127.0.0.1:1", "would never be found"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(environment: dict[str, str], address: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_options(environment, address)
