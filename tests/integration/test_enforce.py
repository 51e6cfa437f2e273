"""`stillwatch enforce` on a real Kafka and a real Redis: what is decided is in force, and nothing else is."""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shutil import copy

import pytest
import redis

from agents.embedded.processes import wait_until
from agents.signing import Signer
from agents.topics import TopicNames
from streams.decisions import Limits, Wording
from tests.agents.signing_setup import encoded, signer
from tests.integration.enforcers import STILLWATCH, Decider, Running, decided, enforcer, starting

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(300)]
NOWHERE = "127.0.0.1:1"


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    (tmp_path / "keys").mkdir()
    return signer(tmp_path / "keys" / "a.key")


def patient(folder: Path) -> tuple[str, str]:
    """Wait for Redis as long as one may: on a busy machine an enforcer would count by itself meanwhile."""
    policy = folder / "patient.toml"
    policy.write_text('version = "patient"\n[enforcement]\ndeadline_ms = 1000\n')
    return "--policy", str(policy)


@pytest.fixture
def decide(kafka_bootstrap: str, topics: TopicNames, key: Signer) -> Iterator[Decider]:
    made = Decider(kafka_bootstrap, topics, key)
    yield made
    made.close()


@pytest.fixture
def running(
    tmp_path: Path, topic_prefix: str, kafka_bootstrap: str, redis_url: str, decide: Decider
) -> Iterator[Running]:
    decide(decided("suspend", "early"))
    with enforcer(
        tmp_path,
        topic_prefix,
        *patient(tmp_path),
        "--appeal-url",
        "https://provider.example/appeal",
        KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap,
        REDIS_URL=redis_url,
        STILLWATCH_VERIFY_KEYS=str(tmp_path / "keys"),
    ) as made:
        yield made


def test_what_was_decided_before_and_after_the_start_is_in_force_until_it_is_released(
    running: Running, decide: Decider
) -> None:
    assert running.answer("early") == "suspend"
    assert running.answer("late") == "pass"
    template = decided("challenge", "template:t", subject_kind="network", wording=Wording("0a0b0c0d", 0.5))
    decide(decided("suspend", "c", members=("late",)), template)
    running.comes_to("suspend", "late")
    running.comes_to("challenge", "anybody", template_hash="t")
    assert running.answer("anybody", template_hash="u", sketch="0a0b0c0e") == "challenge"
    decide(decided("release", "late"), decided("release", "template:t", 2, subject_kind="network"))
    running.comes_to("pass", "late")
    running.comes_to("pass", "anybody", template_hash="t")  # not of late: who is released passes with any template
    assert running.metric("stillwatch_decision_in_force_seconds_count") >= 4
    assert running.metric("stillwatch_decision_records_total", outcome="replayed") == 0
    again = decided("suspend", "again")
    decide(again, again)
    assert wait_until(
        lambda: running.metric("stillwatch_decision_records_total", outcome="replayed", source="log") == 1, seconds=30
    )
    assert running.metric("stillwatch_checks_total", answer="suspend") >= 1


def test_a_refusal_over_http_says_what_to_do_and_never_why(running: Running) -> None:
    assert running.get("/check")[0] == 204
    assert running.get("/check", {"X-Stillwatch-Account": "innocent"})[0] == 204
    status, headers, body = running.get("/check", {"X-Stillwatch-Account": "early", "X-Stillwatch-Tokens": "lots"})
    problem = json.loads(body)
    assert (status, headers["Content-Type"], problem["status"]) == (403, "application/problem+json", 403)
    assert problem["appeal"] == "https://provider.example/appeal"
    assert int(headers["Retry-After"]) > 3_000
    assert running.post("/v1/check", b"{}")[0] == 400
    assert running.post("/v1/check", b'{"account_id": 7}')[2].startswith(b"This is no question: ")


def test_what_the_decider_did_not_sign_is_refused_and_metered(
    running: Running, decide: Decider, kafka_bootstrap: str, topics: TopicNames, tmp_path: Path
) -> None:
    (tmp_path / "others").mkdir()
    forger = Decider(kafka_bootstrap, topics, signer(tmp_path / "others" / "b.key"))
    forger(decided("suspend", "victim"))
    forger.close()
    unsigned = Decider(kafka_bootstrap, topics)
    unsigned(decided("suspend", "victim"))
    unsigned.close()
    decide(decided("suspend", "last"))
    running.comes_to("suspend", "last")
    for reason in ("unknown_key", "unsigned"):
        running.counts(1, "stillwatch_decision_records_total", outcome=reason)
    assert running.answer("victim") == "pass"


def test_what_a_new_key_signed_counts_once_its_public_half_is_there(
    running: Running, kafka_bootstrap: str, topics: TopicNames, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    newcomer = Decider(kafka_bootstrap, topics, signer(tmp_path / "new" / "b.key"))
    newcomer(decided("suspend", "early by the new key"))
    newcomer.close()
    assert wait_until(
        lambda: running.metric("stillwatch_decision_records_total", outcome="unknown_key") >= 1, seconds=30
    )
    assert running.answer("early by the new key") == "pass"
    copy(tmp_path / "new" / "b.key.pub", tmp_path / "keys")
    running.comes_to("suspend", "early by the new key")


def test_two_enforcers_count_a_throttle_together(
    running: Running, decide: Decider, tmp_path: Path, topic_prefix: str, kafka_bootstrap: str, redis_url: str
) -> None:
    decide(decided("throttle", "heavy", limits=Limits(10, 10_000, 3_600_000)))
    with enforcer(
        tmp_path,
        topic_prefix,
        *patient(tmp_path),
        KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap,
        REDIS_URL=redis_url,
        STILLWATCH_VERIFY_KEYS=str(tmp_path / "keys"),
    ) as other:
        answers: list[dict[str, object]] = []

        def knows(one: Running) -> bool:
            answers.append(one.check("heavy"))
            return answers[-1]["limits"] is not None

        for one in (running, other):
            assert wait_until(partial(knows, one), seconds=30)
        answers += [one.check("heavy") for _ in range(12) for one in (running, other)]
    passed = [it for it in answers if it["answer"] == "pass" and it["limits"]]
    assert 8 <= len(passed) <= 10  # what one leased and did not use is lost to the other
    status, headers, _ = running.get("/check", {"X-Stillwatch-Account": "heavy"})
    assert (status, headers["RateLimit-Policy"]) == (429, '"requests";q=10;w=3600')


def test_an_enforcer_without_kafka_knows_everything_from_the_mirror_and_believes_only_signatures(
    running: Running, decide: Decider, tmp_path: Path, topic_prefix: str, redis_url: str
) -> None:
    decide(decided("observe", "c", members=("a",)), decided("suspend", "c", 2, members=("b",)))
    running.comes_to("suspend", "b")
    with enforcer(
        tmp_path,
        topic_prefix,
        KAFKA_BOOTSTRAP_SERVERS=NOWHERE,
        REDIS_URL=redis_url,
        STILLWATCH_VERIFY_KEYS=str(tmp_path / "keys"),
    ) as lonely:
        for account in ("early", "a", "b"):
            lonely.comes_to("suspend", account)
        decide(decided("suspend", "new"))
        lonely.comes_to("suspend", "new")
        key, value = encoded(decided("suspend", "victim"))
        with redis.Redis.from_url(redis_url) as client:
            log = f"{{{topic_prefix}:enforced}}:log"
            _, kept = client.xrange(log, count=1)[0]
            stolen = {"key_id": kept[b"key_id"], "signature": kept[b"signature"]}
            client.xadd(log, {"key": key, "value": value, **stolen})
        decide(decided("suspend", "last"))
        lonely.comes_to("suspend", "last")
        assert lonely.answer("victim") == "pass"
        assert lonely.metric("stillwatch_decision_records_total", outcome="bad_signature") == 1


@pytest.mark.parametrize(("fail", "answer"), [("open", "pass"), ("closed", "suspend")])
def test_where_nothing_can_be_heard_the_policys_word_counts(
    fail: str, answer: str, tmp_path: Path, topic_prefix: str
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'version = "t"\n[enforcement]\nfail = "{fail}"\n')
    nothing = {"KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "REDIS_URL": f"redis://{NOWHERE}"}
    with starting(tmp_path, topic_prefix, "--policy", str(policy), **nothing) as deaf:
        assert not deaf.is_ready
        verdict = deaf.check("anybody")
        assert (verdict["answer"], verdict["is_static"]) == (answer, True)
        assert deaf.get("/check", {"X-Stillwatch-Account": "a"})[0] == (204 if fail == "open" else 503)
        assert deaf.metric("stillwatch_checks_total", by="unknown", answer=answer) == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        ([], {}, "Neither KAFKA_BOOTSTRAP_SERVERS nor REDIS_URL is set"),
        (["--http", "there"], {}, "--http takes an address like 127.0.0.1:9470, not 'there'"),
        ([], {"REDIS_URL": "http://x"}, "REDIS_URL is not an address of a Redis"),
        (["--policy", "missing.toml"], {}, "missing.toml"),
        (["--http", "192.0.2.1:9470"], {"REDIS_URL": "redis://127.0.0.1:1"}, "cannot listen on 192.0.2.1:9470"),
    ],
)
def test_a_users_mistake_is_one_sentence(
    arguments: list[str], environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    found = subprocess.run(  # noqa: S603  our own command
        [STILLWATCH, "enforce", *arguments],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 2
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr
