"""How Kafka and Redis are spoken to: what the environment may say, in one sentence what it may not, and no secrets."""

import ast
import ssl
from pathlib import Path

import pytest
from faust.auth import SASLCredentials, SSLCredentials

from agents import kafka_access, redis_access
from agents.cli import main
from agents.faust_app import faust_app
from agents.settings import Settings, SettingsError, bootstrap_servers, read_settings
from agents.store import StoreError
from agents.store.redis import RedisStore
from tests.certificates import Authority

AGENTS = Path(__file__).parents[2] / "agents"
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "worker",
    "KAFKA_SASL_PASSWORD": "hunter2",
}
NEEDED = {"KAFKA_BOOTSTRAP_SERVERS": "one:9092", "REDIS_URL": "redis://there/0"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_without_a_word_kafka_is_spoken_to_in_the_open() -> None:
    assert kafka_access.client_arguments({}) == {"security_protocol": "PLAINTEXT"}
    assert redis_access.client_arguments("redis://there/0", {}) == {}


def test_a_user_of_kafka_has_a_name_and_a_password(tmp_path: Path) -> None:
    expected = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "worker",
        "sasl_plain_password": "hunter2",
    }
    assert kafka_access.client_arguments(SASL) == expected
    (tmp_path / "password").write_text("hunter2\n")
    of_file = {name: it for name, it in SASL.items() if name != "KAFKA_SASL_PASSWORD"}
    of_file["KAFKA_SASL_PASSWORD_FILE"] = str(tmp_path / "password")
    assert kafka_access.client_arguments(of_file) == expected


@pytest.mark.parametrize("check", [None, "true", "no"])
def test_over_tls_kafka_is_trusted_by_its_authority(authority: Authority, check: str | None) -> None:
    environment = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": str(authority.ca)}
    if check is not None:
        environment["KAFKA_SSL_CHECK_HOSTNAME"] = check
    context = kafka_access.client_arguments(environment)["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname is (check != "no")
    assert len(context.get_ca_certs()) == 1  # and not those of the system


def test_a_certificate_of_our_own_is_shown(authority: Authority) -> None:
    certificate, key = authority.issue("gateway", password="hunter2")  # noqa: S106
    environment = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(authority.ca),
        "KAFKA_SSL_CERTFILE": str(certificate),
        "KAFKA_SSL_KEYFILE": str(key),
    }
    assert kafka_access.client_arguments(environment | {"KAFKA_SSL_PASSWORD": "hunter2"})["ssl_context"]
    sentence = r"^A certificate or key for Kafka cannot be used \(.*gateway"
    for wrong in ({}, {"KAFKA_SSL_PASSWORD": "hunter3"}):
        with pytest.raises(SettingsError, match=sentence) as caught:
            kafka_access.client_arguments(environment | wrong)
        assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "sasl"}, r"^KAFKA_SECURITY_PROTOCOL is 'sasl'; it must be one of PLAINTEXT, SSL,"),
        ({"KAFKA_SASL_MECHANISM": ""}, r"^KAFKA_SASL_MECHANISM is not set; it must be one of PLAIN, SCRAM-SHA-256,"),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, r"^KAFKA_SASL_MECHANISM is 'GSSAPI'; it must be one of PLAIN,"),
        ({"KAFKA_SASL_USERNAME": ""}, r"^KAFKA_SASL_USERNAME is not set: KAFKA_SECURITY_PROTOCOL asks for"),
        ({"KAFKA_SASL_PASSWORD": ""}, r"^KAFKA_SASL_PASSWORD is not set: KAFKA_SECURITY_PROTOCOL asks for"),
        ({"KAFKA_SASL_PASSWORD_FILE": "/absent"}, r"^KAFKA_SASL_PASSWORD and KAFKA_SASL_PASSWORD_FILE are both set"),
        (
            {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": "/absent"},
            r"^KAFKA_SASL_PASSWORD_FILE names /absent, which cannot be read: No such file",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SSL_CAFILE": "/absent"},
            r"^A certificate or key for Kafka cannot be used \(/absent\): No such file",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SSL_CAFILE": __file__},
            r"^A certificate or key for Kafka cannot be used \(.*test_access.py\): ",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "/k"},
            r"^KAFKA_SSL_KEYFILE is set and KAFKA_SSL_CERTFILE is not",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CHECK_HOSTNAME": "perhaps"},
            r"^KAFKA_SSL_CHECK_HOSTNAME is 'perhaps'; it must be true or false",
        ),
    ],
)
def test_a_mistake_about_kafka_is_one_sentence_that_every_command_says_at_once(
    changes: dict[str, str], sentence: str
) -> None:
    for read in (kafka_access.client_arguments, bootstrap_servers, read_settings):
        with pytest.raises(SettingsError, match=sentence) as caught:
            read(NEEDED | SASL | changes)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("command", ["run", "doctor", "state", "explain", "ingest", "release"])
def test_a_command_says_it_and_ends_with_2(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in (NEEDED | SASL | {"KAFKA_SASL_MECHANISM": "GSSAPI"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STILLWATCH_FINGERPRINT_KEY", "a key of more than 16 bytes")
    (tmp_path / "records").touch()
    arguments = {
        "state": ["acct-1"],
        "explain": ["acct-1"],
        "ingest": [str(tmp_path / "records")],
        "release": ["acct-1", "--reviewer", "ana"],
    }
    with pytest.raises(SystemExit) as ended:
        main([command, *arguments.get(command, [])])
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err == ("Error: KAFKA_SASL_MECHANISM is 'GSSAPI'; it must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.\n")


def test_faust_speaks_as_the_other_clients_do(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings("one:9092", "redis://there/0")
    assert faust_app(settings).conf.broker_credentials is None
    for name, value in SASL.items():
        monkeypatch.setenv(name, value)
    open_credentials = faust_app(settings).conf.broker_credentials
    assert isinstance(open_credentials, SASLCredentials)
    assert open_credentials.protocol.value == "SASL_PLAINTEXT"
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SSL_CAFILE", str(authority.ca))
    credentials = faust_app(settings).conf.broker_credentials
    assert isinstance(credentials, SASLCredentials)
    assert (credentials.protocol.value, credentials.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (credentials.username, credentials.password) == ("worker", "hunter2")
    assert "hunter2" not in repr(credentials)
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    assert isinstance(faust_app(settings).conf.broker_credentials, SSLCredentials)


def test_redis_over_tls_has_an_authority_and_a_certificate(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("worker")
    (tmp_path / "password").write_text("hunter2\n")
    environment = {
        "REDIS_SSL_CAFILE": str(authority.ca),
        "REDIS_SSL_CERTFILE": str(certificate),
        "REDIS_SSL_KEYFILE": str(key),
        "REDIS_PASSWORD_FILE": str(tmp_path / "password"),
    }
    assert redis_access.client_arguments("rediss://worker@there:6380/0", environment) == {
        "password": "hunter2",
        "ssl_ca_certs": str(authority.ca),
        "ssl_certfile": str(certificate),
        "ssl_keyfile": str(key),
        "ssl_check_hostname": True,
    }
    assert redis_access.client_arguments("redis://worker@there/0", environment) == {"password": "hunter2"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"REDIS_URL": "http://u:hunter2@there"}, r"^REDIS_URL is not an address of a Redis: redis://, rediss://"),
        ({"REDIS_URL": "redis://u:hun/ter2@there"}, r"^REDIS_URL is not an address of a Redis: .* and %XX"),
        ({"REDIS_URL": "redis://u:hunter2\u2100@there"}, r"^REDIS_URL is not an address of a Redis: "),
        ({"REDIS_SSL_CAFILE": "/absent"}, r"^REDIS_SSL_CAFILE names /absent, which cannot be read: No such file"),
        ({"REDIS_SSL_KEYFILE": __file__}, r"^REDIS_SSL_KEYFILE is set and REDIS_SSL_CERTFILE is not"),
        ({"REDIS_SSL_CHECK_HOSTNAME": "2"}, r"^REDIS_SSL_CHECK_HOSTNAME is '2'; it must be true or false"),
        ({"REDIS_PASSWORD_FILE": "/absent"}, r"^REDIS_PASSWORD_FILE names /absent, which cannot be read"),
    ],
)
def test_a_mistake_about_redis_is_one_sentence_without_its_password(
    changes: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = NEEDED | {"REDIS_URL": "rediss://u:hunter2@there/0"} | changes
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=sentence) as caught:
        read_settings(environment)
    with pytest.raises(StoreError, match=sentence) as by_store:
        RedisStore(environment["REDIS_URL"])
    assert "hun" not in f"{caught.value} {by_store.value}"


def test_settings_never_show_a_password() -> None:
    settings = read_settings(NEEDED | {"REDIS_URL": "rediss://ana:hunter2@there:6380/3?password=hunter2"})
    assert "hunter2" not in repr(settings)
    assert "ana" not in str(settings)
    assert "redis_url='rediss://there:6380/3'" in repr(settings)
    assert redis_access.without_password("redis://[") == "an address that is none"


CLIENTS = {
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaProducer",
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaAdminClient",
    "from_url",
}
MADE_BEFORE = {"access", "arguments", "self._arguments", "self._log.connect"}
"""What the arguments are called where they are made a line before, or once for several clients."""


def test_every_client_of_kafka_and_redis_is_made_with_these_arguments() -> None:
    found = []
    for path in sorted(AGENTS.rglob("*.py")):
        name = f"agents/{path.relative_to(AGENTS).as_posix()}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in CLIENTS:
                continue
            starred = " ".join(ast.unparse(it.value) for it in node.keywords if it.arg is None)
            found.append((name, "client_arguments(" in starred or starred in MADE_BEFORE))
    assert len(found) >= 12
    assert [name for name, is_told in found if not is_told] == []
