"""The hook in the real proxy of LiteLLM, over real HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from streams.events import Message
from streams.fingerprint import Fingerprinter
from tests.agents.enforcement.answering import Answering
from tests.benchmarks.plain.environments import NotInstalledError
from tests.integration.litellm_proxy import APPEAL_URL, FINGERPRINT_KEY, Neighbours, run, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]

PROMPT = "Grade the following essay on thermodynamics from one to ten: heat flows"
MESSAGES = [{"role": "user", "content": PROMPT}]
ASKED = Fingerprinter(FINGERPRINT_KEY.encode()).asked([Message("user", PROMPT)])
CHAT = "/v1/chat/completions"
ANTHROPIC = "/v1/messages"
RESPONSES = "/v1/responses"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Neighbours]]:
    neighbours = Neighbours()
    try:
        with neighbours.serving() as address, running(tmp_path_factory.mktemp("litellm"), address) as url:
            yield url, neighbours
    except NotInstalledError as error:
        pytest.skip(f"LiteLLM is not there: {error}")


@pytest.fixture
def neighbours(proxy: tuple[str, Neighbours]) -> Neighbours:
    it = proxy[1]
    it.checker, it.is_unwell, it.prompts = Answering(), False, []
    return it


@pytest.fixture
def client(proxy: tuple[str, Neighbours]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy[0], headers={"Authorization": "Bearer sk-olga"}, timeout=60) as it:
        yield it


def said(path: str, **more: object) -> dict[str, object]:
    content = {"input": PROMPT} if path == RESPONSES else {"messages": MESSAGES}
    return {"model": "gpt-4o-mini", "max_tokens": 9, **content, **more}


def test_an_innocent_request_passes_and_is_asked_about_by_who_and_what(
    client: httpx.Client, neighbours: Neighbours
) -> None:
    answer = client.post(CHAT, json=said(CHAT))
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert "RateLimit" not in answer.headers
    assert neighbours.prompts == [MESSAGES]
    [ask] = neighbours.checker.asked
    assert (ask.account_id, ask.template_hash, ask.sketch) == ("olga", ASKED.template_hash, ASKED.sketch)
    assert (ask.payment_hash, ask.account_created_at_ms) == ("5a8f", 1_791_158_400_000)


@pytest.mark.parametrize(("user", "payment"), [("ivan", None), ("tom", "of the team")])
def test_how_a_key_without_metadata_pays_its_team_may_say(
    client: httpx.Client, neighbours: Neighbours, user: str, payment: str | None
) -> None:
    client.post(CHAT, json=said(CHAT), headers={"Authorization": f"Bearer sk-{user}"})
    [ask] = neighbours.checker.asked
    assert (ask.account_id, ask.payment_hash, ask.account_created_at_ms) == (user, payment, None)


@pytest.mark.parametrize(("trust", "reads"), [({}, "owner"), ({"STILLWATCH_KEY_METADATA": "trusted"}, "payer")])
def test_the_metadata_of_keys_is_read_only_where_it_is_trusted(trust: dict[str, str], reads: str) -> None:
    program = "from agents.enforcement.litellm_callback import stillwatch; print(stillwatch._account_of.__name__)"
    try:
        said = run(program, {"STILLWATCH_CHECK_URL": "http://127.0.0.1:9/v1/check", **trust})
    except NotInstalledError as error:
        pytest.skip(f"LiteLLM is not there: {error}")
    assert said.split() == [reads]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, ANTHROPIC, RESPONSES])
def test_a_suspended_account_is_refused_and_no_model_is_called(
    client: httpx.Client, neighbours: Neighbours, path: str, stream: bool
) -> None:
    neighbours.checker = Answering(suspended=frozenset({"olga"}))
    answer = client.post(path, json=said(path, stream=stream))
    assert answer.status_code == 403
    assert answer.headers["Retry-After"] == "3600"
    assert answer.headers["Cache-Control"] == "no-store"
    error = answer.json()["error"]
    problem = error["provider_specific_fields"]
    assert error["type"] == "permission_error"
    assert error["message"] == problem["detail"]
    assert (problem["status"], problem["reference"], problem["appeal"]) == (403, "decision-1", APPEAL_URL)
    assert neighbours.prompts == []


def test_a_suspended_template_is_refused_whoever_sends_it(client: httpx.Client, neighbours: Neighbours) -> None:
    neighbours.checker = Answering(suspended=frozenset({str(ASKED.template_hash)}))
    answer = client.post(CHAT, json=said(CHAT), headers={"Authorization": "Bearer sk-brand-new"})
    assert answer.status_code == 403
    assert neighbours.prompts == []


@pytest.mark.parametrize("path", [CHAT, ANTHROPIC])
@pytest.mark.parametrize("stream", [False, True])
def test_a_throttled_account_gets_429_after_its_quota(
    client: httpx.Client, neighbours: Neighbours, path: str, stream: bool
) -> None:
    neighbours.checker = Answering(throttled=frozenset({"olga"}))
    answers = [client.post(path, json=said(path, stream=stream)) for _ in range(4)]
    assert [(it.status_code, it.headers["RateLimit"]) for it in answers] == [
        (200, '"requests";r=2;t=60'),
        (200, '"requests";r=1;t=60'),
        (200, '"requests";r=0;t=60'),
        (429, '"requests";r=0;t=13'),
    ]
    assert {it.headers["RateLimit-Policy"] for it in answers} == {'"requests";q=3;w=60'}
    assert answers[-1].headers["Retry-After"] == "13"
    assert answers[-1].json()["error"]["type"] == "rate_limit_error"
    assert len(neighbours.prompts) == 3


def test_what_a_throttle_leaves_is_told_to_nobody_else(client: httpx.Client, neighbours: Neighbours) -> None:
    neighbours.checker = Answering(throttled=frozenset({"olga"}))
    assert "RateLimit" in client.post(CHAT, json=said(CHAT)).headers
    assert "RateLimit" not in client.post(CHAT, json=said(CHAT), headers={"Authorization": "Bearer sk-ivan"}).headers


def test_without_an_answer_the_request_passes(client: httpx.Client, neighbours: Neighbours) -> None:
    neighbours.is_unwell = True
    assert client.post(CHAT, json=said(CHAT)).status_code == 200
    assert neighbours.prompts == [MESSAGES]


def test_a_client_is_not_who_it_says_it_is(client: httpx.Client, neighbours: Neighbours) -> None:
    client.post(CHAT, json=said(CHAT, user="ivan"), headers={"X-Litellm-End-User-Id": "ivan"})
    assert [ask.account_id for ask in neighbours.checker.asked] == ["olga"]
