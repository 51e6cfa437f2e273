"""`stillwatch doctor`: what is well and what is not, each in a sentence, and the exit code."""

import threading
from collections.abc import Callable

import msgspec
import pytest

from agents.cli import doctor as command
from agents.cli import main
from agents.doctor import broker, states
from agents.doctor.broker import Cluster, PartitionTold, judge_cluster, look_at_kafka
from agents.doctor.clock import judge_broker_clocks, judge_redis_clock
from agents.doctor.found import Found, well
from agents.doctor.kafka_rights import judge_rights
from agents.doctor.models import judge_models
from agents.doctor.progress import Learnt, Seen, Standing, judge_progress
from agents.doctor.states import RedisTold, ask_redis, judge_redis, judge_slots
from agents.doctor.topics import table
from agents.doctor.versions import fits, judge_packages, look_at_versions
from agents.settings import Settings
from agents.store import StoreError
from agents.topics import Described, TopicError, TopicNames, specs

GIB = 2**30
TOLD = RedisTold("7.0.15", "noeviction", GIB, 4 * GIB)
SETTINGS = Settings("127.0.0.1:1", "redis://127.0.0.1:1/0")
NAMES = TopicNames()
WELL = Cluster(1, (4, 0), (), ())
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
Outcome = tuple[int, list[str], str]
Topics = dict[str, Described]


def standing(
    topic: str = NAMES.requests, taken: int = 9, end: int = 10, *, partition: int = 0, due: int = 0, newest_ms: int = -1
) -> Standing:
    stage = {NAMES.requests: "observe", NAMES.links: "networks", NAMES.findings: "campaigns"}.get(topic, "observe")
    return Standing(stage, topic, partition, taken, 0, end, due, newest_ms)


def seen(*standings: Standing, learnt: tuple[Learnt, ...] = (), hour: int = 0, at_ms: int = NOW_MS) -> Seen:
    return Seen(at_ms, standings, learnt, hour)


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """The topics that Kafka describes: those that there should be, until a test changes them."""
    found = {spec.name: Described(spec.partitions, 1, spec.configs(1)) for spec in specs(TopicNames(), partitions=3)}
    monkeypatch.setattr(broker, "describe_topics", lambda _servers, _names: found)
    monkeypatch.setattr(broker, "cluster_of", lambda _servers, _names: WELL)
    return found


@pytest.fixture
def run(
    described: Topics, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command: (exit code, lines, stderr)."""
    assert described
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", SETTINGS.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", SETTINGS.redis_url)
    monkeypatch.setattr(command, "look_at_authorizer", lambda _settings: ([well("Kafka has an authorizer.")], True))
    monkeypatch.setattr(states, "ask_redis", lambda _url: TOLD)
    monkeypatch.setattr(command, "look_at_versions", lambda: [well("Python is 3.")])
    monkeypatch.setattr(command, "look_twice", lambda _settings, _partitions: (seen(standing()), seen(standing())))
    monkeypatch.setattr(command, "members_of", lambda _settings: None)

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out.splitlines(), err

    return run


def wrong(found: list[Found]) -> list[str]:
    return [one.sentence for one in found if not one.well]


def test_a_set_up_that_is_well_says_so_and_ends_with_0(run: Callable[..., Outcome]) -> None:
    assert run() == (
        0,
        [
            "ok     Kafka answers at 127.0.0.1:1: 1 broker(s), whose protocol is that of version 4.0.",
            "ok     The seven topics are as they should be, the requests in 3 partition(s).",
            "ok     Kafka has an authorizer.",
            "ok     Redis answers, version 7.0.15.",
            "ok     Redis drops no state (maxmemory-policy noeviction).",
            "ok     Redis uses 1.0 GiB of its maxmemory, 4.0 GiB (25%).",
            "ok     Redis keeps its data on disk.",
            "ok     Redis and this machine agree about the time, within 1 s.",
            "ok     Python is 3.",
            "ok     Decisions leave unsigned: STILLWATCH_SIGNING_KEY is not set.",
            "ok     STILLWATCH_VERIFY_KEYS is not set: whoever may write decisions to Kafka is obeyed.",
            "ok     No broker took a record in the future; nothing was written just now that would tell more.",
            "ok     observe has taken all of stillwatch.requests but 0 records.",
            "ok     No model has anything to learn from yet: nothing was taken.",
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


def test_what_does_not_answer_is_wrong_and_the_rest_is_looked_at(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "ask_redis", ask_redis)
    code, lines, _ = run()
    assert code == 1
    assert [line[:34] for line in lines if line.startswith("WRONG")] == ["WRONG  Redis cannot be reached: Er"]
    assert "ok     Python is 3." in lines

    def refuse(_servers: str, _names: TopicNames) -> Cluster:
        raise TopicError("No Kafka answers at x: because")

    monkeypatch.setattr(broker, "cluster_of", refuse)
    code, lines, _ = run()
    assert lines[0] == "WRONG  No Kafka answers at x: because."
    assert lines[1].startswith("WRONG  Redis cannot be reached")
    assert "ok     Python is 3." in lines


def test_a_look_that_does_not_end_is_wrong_and_the_rest_is_looked_at(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever = threading.Event()
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(command, "look_at_authorizer", lambda _settings: for_ever.wait())
    code, lines, _ = run()
    assert code == 1
    assert [line for line in lines if line.startswith("WRONG")] == [
        "WRONG  Kafka did not answer within 0 seconds: it may be frozen, or behind a firewall."
    ]
    assert "ok     observe has taken all of stillwatch.requests but 0 records." in lines
    for_ever.set()


def test_where_the_agents_are_that_cannot_be_seen_is_a_sentence(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_settings: Settings, _partitions: int) -> tuple[Seen, Seen]:
        raise StoreError("Redis is still loading its data.")

    monkeypatch.setattr(command, "look_twice", refuse)
    code, lines, _ = run()
    assert (code, lines[-1]) == (
        1,
        "WRONG  How far the agents are could not be seen: Redis is still loading its data.",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--as", "king"], "'king' is not one of"), (["extra"], "unexpected extra argument")],
)
def test_wrong_usage_is_one_sentence_and_2(run: Callable[..., Outcome], arguments: list[str], words: str) -> None:
    code, lines, err = run(*arguments)
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert words in err


def test_as_a_part_its_rights_are_looked_at_and_not_what_it_does_not_meet(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "look_at_kafka_rights", lambda _settings, part: [well(f"Kafka: {part}.")])
    monkeypatch.setattr(command, "look_at_redis_rights", lambda _settings, part: [well(f"Redis: {part}.")])
    code, lines, err = run("--as", "worker")
    assert (code, err) == (0, "")
    assert [line for line in lines if "worker." in line] == ["ok     Kafka: worker.", "ok     Redis: worker."]
    assert not any("topics" in line or "observe" in line for line in lines)
    monkeypatch.delenv("REDIS_URL")
    code, lines, err = run("--as", "reviewer")
    assert (code, err) == (0, "")
    assert "ok     Kafka: reviewer." in lines
    assert not any(line.startswith("ok     Redis") for line in lines)


def test_a_missing_setting_is_one_sentence_and_2(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    code, lines, err = run()
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "REDIS_URL is not set" in err


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
        (
            {"used": 1, "maxmemory": GIB // 4},
            (
                "Redis has a maxmemory of 256 MiB, and 8 partition(s) need 322 MiB before the first account: "
                "give it more (`stillwatch plan` says how much)."
            ),
        ),
        ({"is_replica": True}, "This Redis is a replica: point REDIS_URL at the primary."),
        (
            {"saves": False},
            (
                "Redis keeps nothing on disk: a restart begins with 29 days of log anew; "
                '`CONFIG SET save "300 1"` is enough.'
            ),
        ),
        (
            {"unsaved_seconds": 5400},
            (
                "Redis has written no snapshot of what changed for 1.5 hours: a restart would read so much log anew; "
                '`CONFIG SET save "300 1"`.'
            ),
        ),
        (
            {"is_failing_to_save": True},
            "Redis could not write its data to disk: its log says why; until it can it may refuse every write.",
        ),
    ],
)
def test_a_redis_that_will_not_do_says_what_to_do(change: dict[str, object], sentence: str) -> None:
    assert wrong(judge_redis(msgspec.structs.replace(TOLD, **change), 8)) == [sentence]


@pytest.mark.parametrize(("ahead_ms", "is_well"), [(0, True), (1_000, True), (-1_000, True), (1_001, False)])
def test_a_second_is_near_enough(ahead_ms: int, *, is_well: bool) -> None:
    assert judge_redis_clock(ahead_ms).well is is_well


def test_a_clock_that_is_off_says_which_and_by_how_much() -> None:
    assert judge_redis_clock(-2_500).sentence == (
        "Redis's clock is 2.5 s behind this machine's: let chrony or systemd-timesyncd set both clocks."
    )
    quiet = seen(standing(newest_ms=NOW_MS + 3_000))
    assert wrong([judge_broker_clocks(quiet, quiet, NOW_MS)]) == [
        "A broker's clock is 3.0 s ahead of this machine's at least: let chrony or systemd-timesyncd set both clocks."
    ]
    before, after = seen(standing(end=10, newest_ms=5)), seen(standing(end=11, newest_ms=NOW_MS - 4_000))
    assert wrong([judge_broker_clocks(before, after, NOW_MS + 2_000)]) == [
        "A broker's clock is 4.0 s behind this machine's at least: let chrony or systemd-timesyncd set both clocks."
    ]
    after = seen(standing(end=11, newest_ms=NOW_MS + 700))
    assert judge_broker_clocks(before, after, NOW_MS + 2_000) == well(
        "The brokers and this machine agree about the time, by what was written just now."
    )


def test_a_cluster_with_slots_that_nobody_has_is_wrong() -> None:
    assert wrong(judge_slots({"a:1": 8_000, "b:1": 8_000})) == [
        (
            "Nobody has 384 of the Redis Cluster's 16,384 slots: `redis-cli --cluster fix` shares them out; "
            "until then it refuses what lies there, or everything."
        )
    ]
    assert wrong(judge_slots({"a:1": 8_192, "b:1": 8_192})) == []


def partition(copies: int = 3, in_sync: int = 3, leader: int = 1, number: int = 0) -> PartitionTold:
    return PartitionTold("stillwatch.links", number, leader, copies, in_sync)


@pytest.mark.parametrize(
    ("cluster", "sentences"),
    [
        (Cluster(3, (3, 9), (), (partition(),)), []),
        (Cluster(1, (3, 9), (), (partition(1, 1),)), []),
        (
            Cluster(3, (2, 7), (), ()),
            ["Kafka at 127.0.0.1:1 is version 2.7; it must be 2.8 or newer."],
        ),
        (
            Cluster(3, (3, 9), ("2 at there:9092",), ()),
            [
                (
                    "Kafka's broker 2 at there:9092 does not answer from here: start it, or let its "
                    "advertised.listeners name an address that this machine reaches."
                )
            ],
        ),
        (
            Cluster(3, (3, 9), (), (partition(leader=-1, in_sync=0), partition(in_sync=2, number=1))),
            [
                (
                    "Nobody leads stillwatch.links partition 0: nothing is read from or written to there until its "
                    "broker is back."
                ),
                (
                    "Fewer copies keep up than there should be of stillwatch.links partition 1: look for a broker that "
                    "is down, slow or out of disk."
                ),
            ],
        ),
        (
            Cluster(2, (3, 9), (), (partition(1, 1),)),
            [
                (
                    "There are 2 brokers and one copy of stillwatch.links: one lost disk loses records; "
                    "`kafka-reassign-partitions.sh` adds copies."
                )
            ],
        ),
    ],
)
def test_what_is_wrong_with_brokers_is_a_sentence_each(cluster: Cluster, sentences: list[str]) -> None:
    assert wrong(judge_cluster(cluster, SETTINGS)) == sentences


def test_what_waits_moves_or_does_not_is_told_of_each_topic() -> None:
    assert judge_progress(seen(standing(taken=4)), seen(standing(taken=8)), None) == [
        well("observe has taken all of stillwatch.requests but 1 records.")
    ]
    before, after = seen(standing(taken=4, end=10)), seen(standing(taken=4, end=12))
    assert wrong(judge_progress(before, after, None)) == [
        (
            "observe does not move in stillwatch.requests partition 0, where 7 records wait and more arrive: "
            "the worker's log and /readyz say what it waits for."
        )
    ]
    still = seen(standing(taken=4, end=12))
    assert wrong(judge_progress(still, still, None)) == [], "one look more may be too soon"
    late = seen(standing(NAMES.links, taken=4, due=8), standing(NAMES.links, taken=9, due=8, partition=1))
    assert wrong(judge_progress(late, late, None)) == [
        (
            "networks is more than 5 minutes behind in stillwatch.links partition 0, by 5 records: "
            "start more processes, if there are partitions for them (`stillwatch plan`)."
        )
    ]
    assert wrong(judge_progress(seen(standing(taken=12)), seen(standing(taken=12)), None)) == [
        (
            "observe stands after the end of stillwatch.requests partition 0: was the topic made again, or cut short? "
            "The worker finds out when it starts anew."
        )
    ]


def test_who_is_in_the_group_is_told_if_it_can_be_seen() -> None:
    waiting, done = seen(standing(taken=4)), seen(standing())
    assert wrong(judge_progress(waiting, waiting, frozenset())) == [
        "Nobody is in the group stillwatch, and 5 records wait: start `stillwatch run`."
    ]
    assert wrong(judge_progress(done, done, frozenset())) == []
    elsewhere = frozenset({(NAMES.links, 0)})
    assert wrong(judge_progress(waiting, waiting, elsewhere)) == [
        "Nobody reads stillwatch.requests partition 0: start `stillwatch run --agents observe`, or all agents."
    ]
    assert wrong(judge_progress(waiting, waiting, frozenset({(NAMES.requests, 0)}))) == []


def test_a_model_that_stopped_learning_while_events_go_on_is_wrong() -> None:
    hour = NOW_MS // HOUR_MS
    young, old = Learnt("observe", 0, NOW_MS - 24 * HOUR_MS, True), Learnt("observe", 1, NOW_MS - 26 * HOUR_MS, True)
    busy = standing(newest_ms=NOW_MS), standing(newest_ms=NOW_MS, partition=1)
    assert wrong(judge_models(seen(*busy, learnt=(young,), hour=hour))) == []
    assert wrong(judge_models(seen(*busy, learnt=(young, old), hour=hour))) == [
        (
            "The model of observe has learnt nothing since 2027-01-14 06:00 UTC by event time in partition 1, and "
            "events go on: `stillwatch_learning_refusals_total` says what keeps it from that; does the policy limit "
            "too many?"
        )
    ]
    quiet = standing(newest_ms=NOW_MS), standing(newest_ms=NOW_MS - 26 * HOUR_MS, partition=1)
    assert judge_models(seen(*quiet, learnt=(young, old), hour=hour)) == [
        well("The models of observe learnt last as of 2027-01-14 06:00 UTC or later (2 of 2 judge already).")
    ]
    fresh = Learnt("networks", 0, 0, False)
    assert judge_models(seen(learnt=(fresh,))) == [
        well("The models of networks have learnt nothing yet (0 of 1 judge already).")
    ]


@pytest.mark.parametrize(
    ("has", "pins", "expected"),
    [
        ("0.14.0", "==0.14.0", True),
        ("0.14.1", "==0.14.0", False),
        ("3.0.12", ">=3.0,<4", True),
        ("4.0", ">=3.0,<4", False),
        ("0.9.9", ">=0.10", False),
        ("0.26.1", ">=0.26,<0.27", True),
        ("0.27.0rc1", ">=0.26,<0.27", False),
        ("3.11.7", ">=3.11", True),
        ("1", "", True),
    ],
)
def test_a_version_is_within_its_pins(has: str, pins: str, *, expected: bool) -> None:
    assert fits(has, pins) is expected


def test_packages_that_are_not_as_pinned_are_wrong_and_extras_may_be_missing() -> None:
    pinned = ["redis<9,>=8", "river<0.27,>=0.26", "kafka-python[crc32c]<4,>=3.0", "grpcio>=1.85; extra == 'gateway'"]
    installed = {"redis": "8.1.0", "river": "0.26.1", "kafka-python": "3.0.12"}
    assert judge_packages("3.11.7", pinned, installed.get) == [
        well("Python is 3.11.7; redis 8.1.0, river 0.26.1, kafka-python 3.0.12 are as pinned.")
    ]
    del installed["river"]
    installed |= {"redis": "7.2.0", "grpcio": "1.2"}
    assert wrong(judge_packages("3.11.7", pinned, installed.get)) == [
        "The package redis is 7.2.0; it must be <9,>=8: install stillwatch anew from its lock.",
        "The package river is missing: install stillwatch anew from its lock.",
        "The package grpcio is 1.2; it must be >=1.85: install stillwatch anew from its lock.",
    ]
    assert wrong(look_at_versions()) == []


def test_rights_that_are_missing_or_too_many_are_said_with_the_rule() -> None:
    needed = {"s.requests": frozenset({"Read"}), "s.links": frozenset({"Read", "Write"})}
    right = {"s.requests": {"Read", "Describe"}, "s.links": {"Read", "Write", "Describe"}, "s.feedback": set[str]()}
    assert judge_rights("worker", needed, right) == []
    assert wrong(judge_rights("worker", needed, right | {"s.links": {"Describe"}, "s.feedback": {"Write"}})) == [
        (
            "Kafka does not let worker Read and Write s.links: add `--allow-principal User:worker --operation Read "
            "--operation Write --topic s.links` (deploy/kafka-acls.txt)."
        ),
        "Kafka lets worker Write s.feedback, which it does not need: take that away (deploy/kafka-acls.txt).",
    ]


@pytest.mark.parametrize("version", ["6.2.0", "6.2.14", "7.0.15", "8.0", "10.1.2", "255.255.255"])
def test_a_redis_from_6_2_on_will_do(version: str) -> None:
    assert wrong(judge_redis(msgspec.structs.replace(TOLD, version=version))) == []


def test_without_a_maxmemory_the_machine_is_the_limit() -> None:
    told = msgspec.structs.replace(TOLD, maxmemory=0)
    assert wrong(judge_redis(told)) == []


@pytest.mark.parametrize(
    ("topic", "setting", "value", "sentence"),
    [
        ("requests", "retention.ms", "1000", "2505600000 or more: `{alter} retention.ms=2505600000` sets it."),
        ("enforcement", "retention.ms", "-1", None),
        ("enforcement", "retention.ms", "9999999999", None),
        ("findings", "cleanup.policy", "compact", "delete: `{alter} cleanup.policy=delete` sets it."),
        ("links", "max.message.bytes", "1", "4259840 or more: `{alter} max.message.bytes=4259840` sets it."),
        (
            "requests",
            "message.timestamp.type",
            "CreateTime",
            "LogAppendTime: `{alter} message.timestamp.type=LogAppendTime` sets it.",
        ),
    ],
)
def test_a_topic_that_keeps_too_little_is_wrong_and_one_that_keeps_more_is_not(
    described: Topics, topic: str, setting: str, value: str, sentence: str | None
) -> None:
    described[f"stillwatch.{topic}"].configs[setting] = value
    told = f"The topic stillwatch.{topic} has {setting}={value}; it needs "
    alter = f"kafka-configs.sh --alter --topic stillwatch.{topic} --add-config"
    expected = [] if sentence is None else [told + sentence.replace("{alter}", alter)]
    assert wrong(look_at_kafka(SETTINGS)[0]) == expected


@pytest.mark.parametrize("kept", ["-1", "9999999999"])
def test_what_was_erased_must_not_come_back_from_a_log_that_is_kept_longer(described: Topics, kept: str) -> None:
    described["stillwatch.requests"].configs["retention.ms"] = kept
    (said,) = wrong(look_at_kafka(SETTINGS)[0])
    assert said == (
        "The topic stillwatch.feedback is kept for less time than stillwatch.requests: what was erased would come "
        "back when states are built again; `kafka-configs.sh --alter --topic stillwatch.feedback --add-config "
        f"retention.ms={kept}` keeps it as long."
    )
    described["stillwatch.feedback"].configs["retention.ms"] = kept
    assert wrong(look_at_kafka(SETTINGS)[0]) == []


def test_settings_that_may_not_be_seen_are_not_wrong(described: Topics) -> None:
    described["stillwatch.links"].configs.clear()
    assert wrong(look_at_kafka(SETTINGS)[0]) == []
    assert table(NAMES, described)[1] == ("stillwatch.links", "3", "1", "?", "?")


def test_topics_that_are_cut_in_different_ways_are_wrong(described: Topics) -> None:
    described["stillwatch.findings"] = msgspec.structs.replace(described["stillwatch.findings"], partitions=4)
    described["stillwatch.links"] = msgspec.structs.replace(described["stillwatch.links"], partitions=2)
    found, partitions = look_at_kafka(SETTINGS)
    assert wrong(found) == [
        (
            "The topic stillwatch.links has 2 partition(s); it needs 3: "
            "`kafka-topics.sh --alter --topic stillwatch.links --partitions 3` adds them."
        ),
        (
            "The topic stillwatch.findings has 4 partition(s); it needs 1: "
            "a topic cannot lose partitions, so start anew under another prefix."
        ),
    ]
    assert partitions == 3
