"""`stillwatch doctor`: what is well and what is not, each in a sentence, and the exit code."""

from collections.abc import Callable

import msgspec
import pytest
import redis

from agents import doctor
from agents.cli import doctor as command
from agents.cli import main
from agents.doctor import RedisTold, ask_redis, judge_redis, look_at_kafka, predict
from agents.settings import Settings
from agents.topics import Described, TopicError, TopicNames, specs

GIB = 2**30
TOLD = RedisTold("7.0.15", "noeviction", GIB, 4 * GIB, 8 * GIB)
SETTINGS = Settings("127.0.0.1:1", "redis://127.0.0.1:1/0")
Outcome = tuple[int, list[str], str]
Topics = dict[str, Described]


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """The topics that Kafka describes: those that there should be, until a test changes them."""
    found = {spec.name: Described(spec.partitions, 1, spec.configs(1)) for spec in specs(TopicNames(), partitions=3)}
    monkeypatch.setattr(doctor, "describe_topics", lambda _servers, _names: found)
    return found


@pytest.fixture
def run(
    described: Topics, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command: (exit code, lines, stderr)."""
    assert described
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", SETTINGS.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", SETTINGS.redis_url)
    monkeypatch.setattr(command, "ask_redis", lambda _url: TOLD)

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.splitlines(), err

    return run


def wrong(found: list[doctor.Found]) -> list[str]:
    return [one.sentence for one in found if not one.well]


def test_a_set_up_that_is_well_says_so_and_ends_with_0(run: Callable[..., Outcome]) -> None:
    assert run() == (
        0,
        [
            "ok     Kafka answers at 127.0.0.1:1.",
            "ok     The seven topics are as they should be, the requests in 3 partition(s).",
            "ok     Redis answers, version 7.0.15.",
            "ok     Redis drops no state (maxmemory-policy noeviction).",
            "ok     Redis uses 1.0 GiB of its maxmemory, 4.0 GiB (25%).",
            "ok     Decisions leave unsigned: STILLWATCH_SIGNING_KEY is not set.",
            "ok     STILLWATCH_VERIFY_KEYS is not set: whoever may write decisions to Kafka is obeyed.",
        ],
        "",
    )


def test_what_is_wrong_is_said_and_ends_with_1(run: Callable[..., Outcome], described: Topics) -> None:
    del described["stillwatch.dlq"]
    code, lines, err = run()
    assert (code, err) == (1, "")
    assert [line for line in lines if line.startswith("WRONG")] == [
        "WRONG  There is no topic stillwatch.dlq: `stillwatch topics create --prefix stillwatch` makes it."
    ]


def test_a_redis_that_does_not_answer_is_wrong_and_the_rest_is_looked_at(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "ask_redis", ask_redis)
    code, lines, _ = run("--accounts", "1000")
    assert code == 1
    assert [line[:34] for line in lines if line.startswith("WRONG")] == ["WRONG  Redis cannot be reached: Er"]
    assert lines[-1].startswith("ok     1,000 accounts with 30 requests a day need ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--accounts", "0"], "0 is not in the range x>=1"),
        (["--accounts", "many"], "'many' is not a valid integer"),
        (["--requests-a-day", "3"], "give both"),
        (["--accounts", "1", "--requests-a-day", "-1"], "-1.0 is not in the range"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_sentence_and_2(run: Callable[..., Outcome], arguments: list[str], words: str) -> None:
    code, lines, err = run(*arguments)
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert words in err


def test_a_missing_setting_is_one_sentence_and_2(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    code, lines, err = run()
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "REDIS_URL is not set" in err


def test_what_does_not_fit_is_wrong(run: Callable[..., Outcome]) -> None:
    code, lines, _ = run("--accounts", "10000000", "--requests-a-day", "1440")
    assert code == 1
    assert lines[-1].startswith("WRONG  That does not fit in the maxmemory, 4.0 GiB: ")
    assert run("--accounts", "10000")[0] == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": "6.0.16"}, "Redis is version 6.0.16; it must be 6.2 or newer."),
        (
            {"policy": "allkeys-lru"},
            "Redis may drop states: its maxmemory-policy is allkeys-lru; set it to noeviction.",
        ),
        (
            {"used": 4 * GIB - 1},
            "Redis uses 4.0 GiB of its maxmemory, 4.0 GiB (100%): give it more; once it is full the worker waits.",
        ),
    ],
)
def test_a_redis_that_will_not_do_says_what_to_do(change: dict[str, object], sentence: str) -> None:
    assert wrong(judge_redis(msgspec.structs.replace(TOLD, **change))) == [sentence]


@pytest.mark.parametrize("version", ["6.2.0", "6.2.14", "7.0.15", "8.0", "10.1.2", "255.255.255"])
def test_a_redis_from_6_2_on_will_do(version: str) -> None:
    assert wrong(judge_redis(msgspec.structs.replace(TOLD, version=version))) == []


def test_without_a_maxmemory_the_machine_is_the_limit() -> None:
    told = msgspec.structs.replace(TOLD, maxmemory=0)
    assert wrong(judge_redis(told)) == []
    assert wrong(predict(1_000, 30, 8, told)) == []
    assert "machine's memory, 8.0 GiB" in wrong(predict(100_000_000, 30, 8, told))[0]


def test_a_kafka_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_servers: str, _names: TopicNames) -> Topics:
        raise TopicError("No Kafka answers at x: because")

    monkeypatch.setattr(doctor, "describe_topics", refuse)
    found, partitions = look_at_kafka(SETTINGS)
    assert (wrong(found), partitions) == (["No Kafka answers at x: because."], None)


@pytest.mark.parametrize(
    ("topic", "setting", "value", "sentence"),
    [
        ("requests", "retention.ms", "1000", "has retention.ms=1000; it needs 2505600000 or more."),
        ("requests", "retention.ms", "-1", None),
        ("requests", "retention.ms", "9999999999", None),
        ("findings", "cleanup.policy", "compact", "has cleanup.policy=compact; it needs delete."),
        ("links", "max.message.bytes", "1048588", "has max.message.bytes=1048588; it needs 4259840 or more."),
        (
            "requests",
            "message.timestamp.type",
            "CreateTime",
            "has message.timestamp.type=CreateTime; it needs LogAppendTime.",
        ),
    ],
)
def test_a_topic_that_keeps_too_little_is_wrong_and_one_that_keeps_more_is_not(
    described: Topics, topic: str, setting: str, value: str, sentence: str | None
) -> None:
    described[f"stillwatch.{topic}"].configs[setting] = value
    expected = [] if sentence is None else [f"The topic stillwatch.{topic} {sentence}"]
    assert wrong(look_at_kafka(SETTINGS)[0]) == expected


def test_topics_that_are_cut_in_different_ways_are_wrong(described: Topics) -> None:
    described["stillwatch.findings"] = msgspec.structs.replace(described["stillwatch.findings"], partitions=4)
    found, partitions = look_at_kafka(SETTINGS)
    assert wrong(found) == ["The topic stillwatch.findings has 4 partition(s); it needs 1."]
    assert partitions == 3


@pytest.mark.kafka
@pytest.mark.redis
def test_a_real_set_up_is_well(topics: TopicNames, kafka_bootstrap: str, redis_url: str, topic_prefix: str) -> None:
    assert topics.requests.startswith(topic_prefix)
    found, partitions = look_at_kafka(Settings(kafka_bootstrap, redis_url, prefix=topic_prefix))
    assert (wrong(found), partitions) == ([], 4)
    with redis.Redis.from_url(redis_url) as client:
        assert ask_redis(redis_url).version == client.info("server")["redis_version"]
