"""How an Alertmanager is spoken to, each against a server that answers in its way."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.embedded.processes import wait_until
from agents.environment import SettingsError
from agents.notifying.alertmanager import LARGEST_BATCH, PREFIX, Alertmanager, Answer
from agents.notifying.rendering import Posted
from tests.certificates import Authority
from tests.integration.alertmanagers import NEEDS_ALERTMANAGER, QUIET, Receiver
from tests.integration.alertmanagers import Alertmanager as RealAlertmanager


def alert(number: int) -> Posted:
    now = datetime.now(UTC)
    return Posted({"alertname": "A", "number": str(number)}, {"summary": "s"}, now, now.replace(year=2100), "http://g")


def post(url: str, *, count: int = 1, **environment: str) -> Answer:
    async def told() -> Answer:
        there = Alertmanager(url, {f"{PREFIX}_{name}": value for name, value in environment.items()})
        try:
            return await there.post([alert(number) for number in range(count)])
        finally:
            await there.close()

    return asyncio.run(told())


@pytest.mark.parametrize("path", ["", "/", "/behind/a/proxy"])
def test_all_alerts_go_to_the_second_version_of_its_api_in_batches(path: str) -> None:
    with Receiver().serving() as there:
        assert post(f"{there.url}{path}", count=LARGEST_BATCH + 1) == Answer("taken")
    assert [it[0] for it in there.heard] == [f"{path.rstrip('/')}/api/v2/alerts"] * 2
    assert [len(body) for _, _, body in there.heard] == [LARGEST_BATCH, 1]
    assert there.heard[1][2][0]["labels"] == {"alertname": "A", "number": str(LARGEST_BATCH)}
    assert set(there.heard[1][2][0]) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}


def test_one_that_is_to_be_told_nothing_is_asked_all_the_same() -> None:
    with Receiver().serving() as there:
        assert post(there.url, count=0) == Answer("taken")
    assert [body for _, _, body in there.heard] == [[]]
    assert post("http://127.0.0.1:1", count=0).delivery == "failed"


@pytest.mark.parametrize(
    ("status", "delivery"),
    [(400, "refused"), (401, "refused"), (302, "failed"), (408, "failed"), (429, "failed"), (500, "failed")],
)
def test_a_no_is_told_from_trouble_and_ends_the_round(status: int, delivery: str) -> None:
    with Receiver(status=status).serving() as there:
        answer = post(there.url, count=LARGEST_BATCH + 1)
    assert (answer.delivery, len(there.heard)) == (delivery, 1)
    assert answer.sentence == f"It answered {status}:"


def test_one_that_is_not_there_fails() -> None:
    assert post("http://127.0.0.1:1").delivery == "failed"


def test_a_token_and_a_password_are_read_anew_from_their_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    with Receiver().serving() as there:
        for text in ("first", "second"):
            secret.write_text(f"{text}\n")
            assert post(there.url, TOKEN_FILE=str(secret)).delivery == "taken"
        post(there.url, USERNAME="me", PASSWORD_FILE=str(secret))
    assert [it[1]["Authorization"] for it in there.heard] == [
        "Bearer first",
        "Bearer second",
        f"Basic {b64encode(b'me:second').decode()}",
    ]


def test_a_secret_that_has_gone_is_trouble_and_no_end() -> None:
    environment = {f"{PREFIX}_TOKEN": "here"}

    async def told() -> Answer:
        there = Alertmanager("http://127.0.0.1:1", environment)
        environment[f"{PREFIX}_TOKEN_FILE"] = "gone"
        del environment[f"{PREFIX}_TOKEN"]
        return await there.post([alert(1)])

    answer = asyncio.run(told())
    assert answer.delivery == "failed"
    assert "_TOKEN_FILE names gone" in answer.sentence


@pytest.mark.parametrize(
    ("url", "environment", "sentence"),
    [
        ("there", {}, "takes an address like http://127.0.0.1:9093, not 'there'"),
        ("ftp://there", {}, "takes an address like"),
        ("http://there?a=b", {}, "takes an address like"),
        ("me:secret@there", {}, "not 'there'"),
        ("http://me:secret@there", {}, "takes no user or password"),
        ("http://there", {"TOKEN_FILE": "missing"}, "names missing, which cannot be read"),
        ("http://there", {"TOKEN": "t", "USERNAME": "me", "PASSWORD": "p"}, "both set"),
        ("http://there", {"TOKEN": "a\nb"}, "a character that a header cannot have"),
        ("http://there", {"USERNAME": "me"}, "go together"),
        ("http://there", {"PASSWORD": "secret"}, "go together"),
        ("http://there", {"USERNAME": "m:e", "PASSWORD": "secret"}, "may not have a colon"),
        ("https://there", {"CAFILE": "missing"}, "cannot be used (missing): No such file"),
        ("https://there", {"KEYFILE": "k"}, "go together"),
    ],
)
def test_a_mistake_is_one_sentence_without_a_secret(url: str, environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as told:
        Alertmanager(url, {f"{PREFIX}_{name}": value for name, value in environment.items()})
    assert sentence in str(told.value)
    assert "secret" not in str(told.value)


@NEEDS_ALERTMANAGER
def test_a_real_one_over_tls_takes_alerts_of_whom_it_has_a_certificate_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (server, server_key), (client, client_key) = authority.issue("server"), authority.issue("client")
    web, config = tmp_path / "web.yml", tmp_path / "alertmanager.yml"
    web.write_text(
        f"tls_server_config: {{cert_file: {server}, key_file: {server_key}, "
        f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.ca}}}"
    )
    config.write_text(QUIET)
    there = RealAlertmanager(tmp_path, config)
    url = there.url.replace("http:", "https:")
    ca, mine, key = str(authority.ca), str(client), str(client_key)
    there.start(f"--web.config.file={web}")
    try:
        assert wait_until(lambda: post(url, CAFILE=ca, CERTFILE=mine, KEYFILE=key).delivery == "taken", seconds=30)
        assert post(url, count=0, CAFILE=ca, CERTFILE=mine, KEYFILE=key).delivery == "taken", "nothing to tell"
        assert post(url, CAFILE=ca).delivery == "failed", "without our certificate"
        assert post(url).delivery == "failed", "its authority is not known"
        assert post(there.url).delivery == "refused", "in the open"
    finally:
        there.stop()
