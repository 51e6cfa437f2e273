"""`stillwatch state` over a store in memory: what it prints of an account, of its campaign, and of what is neither."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from agents.cli import main
from agents.routing import key_partition
from agents.store import NOTHING, Place
from agents.store.memory import MemoryStore
from streams.accounts import Enforcement, Head, with_head
from streams.campaigns import Campaign, Pointer
from streams.decisions import Reason
from streams.evidence import LinkEvidence, Seen, ShortTemplate
from streams.learning import FEATURES, Learner, LearnerState, Lesson
from streams.links import link_partition
from streams.windows import DAY_MS, HOUR_MS
from tests.streams.account_bench import NOON_MS, event, folded
from tests.streams.link_bench import HOUR, NOON, Act, links
from tests.streams.networks_bench import bench

PARTITIONS = 8
CAMPAIGNS = Place("campaigns", 0)
UNTIL_MS = 1_790_812_800_000
Outcome = tuple[int, list[str], str]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The store that the command reads, empty."""
    held = MemoryStore()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("agents.cli.state.RedisStore", lambda _url, prefix: held)  # noqa: ARG005  its signature
    monkeypatch.setattr("agents.cli.state.partitions_of", lambda _servers, _names: PARTITIONS)
    return held


@pytest.fixture
def state(store: MemoryStore, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:  # noqa: ARG001  it is in place
    """Run the command: (exit code, the lines of stdout with single spaces, stderr)."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(["state", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, [" ".join(line.split()) for line in out.splitlines()], err

    return run


def put(store: MemoryStore, place: Place, states: Mapping[str, msgspec.Struct | bytes]) -> None:
    values = {
        key: state if isinstance(state, bytes) else msgspec.msgpack.encode(state) for key, state in states.items()
    }

    async def commit() -> None:
        owner = (await store.open(place)).owner
        await store.commit(place, owner=owner, expected=NOTHING, offset=1, values=values, outbox=b"")

    asyncio.run(commit())


def put_account(store: MemoryStore, account_id: str, stored: bytes = b"") -> None:
    place = Place("observe", key_partition(account_id, PARTITIONS))
    put(store, place, {f"account:{account_id}": stored or folded([event()] * 3).stored()["a"]})


def suspended(members: int, *, links: int = 1, undecided: tuple[str, ...] = ()) -> Campaign:
    return Campaign(
        campaign_id="c-1",
        links={f"payment:p{number}": LinkEvidence(0, (), members=number) for number in range(links)},
        members={f"acct-{number:02}": number for number in range(members)},
        undecided=list(undecided),
        enforcement=Enforcement("suspend", UNTIL_MS, 4),
    )


@pytest.mark.parametrize("joined", ["c-1", "c-2"], ids=["its own", "one that was taken in"])
def test_an_account_says_what_is_decided_about_its_campaign(
    store: MemoryStore, state: Callable[..., Outcome], joined: str
) -> None:
    put_account(store, "acct-00")
    merged = Campaign(campaign_id="c-2", merged_into="c-1")
    states = {"campaign:c-1": suspended(3), "campaign:c-2": merged, "member:acct-00": Pointer(joined)}
    put(store, CAMPAIGNS, states)
    code, lines, _ = state("acct-00")
    assert code == 0
    assert lines[-1] == "campaign c-1: suspend until 2026-10-01 00:00:00 UTC (sequence 4)"


def test_an_account_that_no_decision_about_its_campaign_names_yet_is_said_to_be_undecided(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    put_account(store, "acct-00")
    put(store, CAMPAIGNS, {"campaign:c-1": suspended(3, undecided=("acct-00",)), "member:acct-00": Pointer("c-1")})
    assert state("acct-00")[1][-1] == "campaign c-1: not yet decided about"


def test_an_account_in_no_campaign_names_none(store: MemoryStore, state: Callable[..., Outcome]) -> None:
    put_account(store, "acct-00")
    assert state("acct-00")[1][-1] == "enforcement none"


def test_an_account_is_laid_out_for_a_person(store: MemoryStore, state: Callable[..., Outcome]) -> None:
    said = {
        "plan": "pro",
        "plan_daily_tokens": 9_000,
        "account_created_at_ms": NOON_MS - DAY_MS,
        "capability": "coding",
    }
    events = [
        event(NOON_MS, input_tokens=3, output_tokens=4, template_hash="t", address_hash="x", **said),
        event(NOON_MS + 2 * HOUR_MS, status_code=500, template_hash="t", address_hash="y"),
        event(NOON_MS + HOUR_MS, finish_reason="refusal", template_hash="u", conversation_id="c"),
    ]
    head = Head(Enforcement("throttle", UNTIL_MS, 2, shadow=True), p_value=0.125)
    put_account(store, "acct-00", with_head(folded(events).stored()["a"], head))
    assert state("acct-00") == (
        0,
        [
            "account acct-00",
            "plan pro, 9000 tokens a day",
            "created 2026-10-04 12:00:00 UTC",
            "seen 2026-10-05 12:00:00 UTC to 2026-10-05 14:00:00 UTC, 3 requests",
            "last 60 minutes 1 requests, 1 errors, 0 refusals",
            "0 input tokens, 0 output tokens",
            "last 24 hours 3 requests, 1 errors, 1 refusals",
            "3 input tokens, 4 output tokens",
            "last 28 days 3 requests, 1 errors, 1 refusals",
            "3 input tokens, 4 output tokens",
            "active 3 of the last 24 hours, 3 of the last 168",
            "rhythm variation of the gap between requests 0.00 (0 is a metronome)",
            "distinct, 24 h 2 addresses, 0 user agents",
            "2 templates, 1 conversations",
            "top template 67% of its requests",
            "follow-ups 0% of the conversations that it opens go on",
            "capabilities other 2, coding 1",
            "anomaly 1 in 8 of its cohort looks at least as strange",
            "late events 1",
            "enforcement throttle until 2026-10-01 00:00:00 UTC (sequence 2, shadow)",
        ],
        "",
    )


def test_a_shared_link_is_laid_out_for_a_person(store: MemoryStore, state: Callable[..., Outcome]) -> None:
    networks = bench()
    acts = [Act(name, NOON + hour * HOUR, network=f"n-{name}") for hour in range(3) for name in "abcd"]
    networks.take(links(acts))
    place = Place("networks", link_partition("payment", "v", PARTITIONS))
    put(store, place, {"link:payment:v": networks.link()})
    code, lines, _ = state("payment:v")
    assert code == 0
    assert lines[0] == "link payment v"
    assert "members 4 listed, 4 came back, 3 named in findings" in lines
    assert "distinct, 7 d 4 accounts, 0 of them younger than 7 days" in lines


def test_a_campaign_lists_its_first_members_and_its_largest_links(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    put(store, CAMPAIGNS, {"campaign:c-1": suspended(23, links=7)})
    _, lines, _ = state("c-1")
    assert "links payment:p6 (6), payment:p5 (5), payment:p4 (4), payment:p3 (3), payment:p2 (2), and 2 more" in lines
    assert [line for line in lines if line.startswith("member ")] == [f"member acct-{n:02}" for n in range(20)]
    assert lines[-1] == "and 3 more; --all lists them"
    _, lines, _ = state("c-1", "--all")
    assert lines[-23:] == [f"member acct-{n:02}" for n in range(23)]


def of_new_accounts(stands: Enforcement | None = None) -> Campaign:
    """Forty accounts: thirty are a week old and pay with two instruments, of five it is unknown how old they are."""
    seen = {f"acct-{number:02}": Seen(NOON_MS, templates=0b11) for number in range(40)}
    for number, it in enumerate(seen.values()):
        it.created_at_ms = None if number >= 35 else NOON_MS - (7 if number < 30 else 365) * DAY_MS
        it.payment_hash = f"p{number % 2 if number < 30 else number}"
    shared = Reason("accounts_per_template", "content", "40 accounts sent it.", 40.0, 3.0, 2.5)
    links = {f"template:{it}": LinkEvidence(NOON_MS, (shared,), members=40) for it in "tu"}
    return Campaign(
        campaign_id="c-1",
        newest_ms=NOON_MS,
        links=links,
        members=dict.fromkeys(seen, NOON_MS),
        enforcement=stands or Enforcement(),
        seen=seen,
    )


def test_a_campaign_gives_every_reason_that_it_is_judged_by_with_ages_and_payments(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    put(store, CAMPAIGNS, {"campaign:c-1": of_new_accounts()})
    code, lines, _ = state("c-1", "--policy", "deploy/policy.toml")
    assert code == 0
    at = lines.index("ages 30 younger than 60 days and 30 than 180, of 35 members whose age is known")
    assert lines[at + 1 : at + 6] == [
        "payments 30 of 40 members share a payment instrument with another",
        "judged With the 40 members it has: 81.8%, throttle.",
        "because At least 62% of its accounts share a payment instrument with another (suspicious from 30%).",
        "because 40 accounts sent it.",
        "enforcement none",
    ]


def test_a_campaign_is_judged_by_the_policy_that_is_named(
    store: MemoryStore, state: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text("[signals.shared_payments]\nthreshold = 0.99\n")
    put(store, CAMPAIGNS, {"campaign:c-1": of_new_accounts()})
    for arguments, is_said in ((), True), (("--policy", str(tmp_path / "policy.toml")), False):
        lines = state("c-1", *arguments)[1]
        assert any("share a payment instrument with another (suspicious" in line for line in lines) is is_said
    code, lines, err = state("c-1", "--policy", str(tmp_path / "none.toml"))
    assert (code, lines, err.count("\n")) == (2, [], 1)


def test_a_campaign_with_too_few_members_gives_the_reasons_of_all_who_were_seen(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    few = of_new_accounts()
    few.members = {}
    for it in few.seen.values():
        it.templates = 0b1
    put(store, CAMPAIGNS, {"campaign:c-1": few})
    lines = state("c-1")[1]
    assert [line for line in lines if line.startswith(("judged", "because"))] == [
        "judged It has 0 members, too few to judge, so all 40 seen with it were judged: 81.8%, no action.",
        "because At least 62% of its accounts share a payment instrument with another (suspicious from 30%).",
        "because 40 accounts sent it.",
    ]


def test_of_a_campaign_that_was_released_it_is_said_that_nothing_follows(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    put(store, CAMPAIGNS, {"campaign:c-1": of_new_accounts(Enforcement("release", NOON_MS + HOUR_MS, 3))})
    (said,) = [line for line in state("c-1")[1] if line.startswith("judged ")]
    assert said == (
        "judged With the 40 members it has: 81.8%, no action. "
        "A reviewer released it: until 2026-10-05 13:00:00 UTC nothing follows from any evidence."
    )


def test_a_campaign_says_how_many_templates_it_has_that_tie_nobody(
    store: MemoryStore, state: Callable[..., Outcome]
) -> None:
    campaign = suspended(3)
    campaign.short = {f"template:t{number}": ShortTemplate(0, 12, 0, has_sibling=False) for number in range(2)}
    put(store, CAMPAIGNS, {"campaign:c-1": campaign})
    assert "and 2 templates too short to tie anybody" in state("c-1")[1]


@pytest.mark.parametrize("count", [0, 60])
def test_a_campaign_says_what_reviewers_would_make_of_it(
    store: MemoryStore, state: Callable[..., Outcome], count: int
) -> None:
    found = suspended(3)
    found.decided = bytes([200] * len(FEATURES))
    lessons = [Lesson(bytes([50 + 150 * (it % 2)] * len(FEATURES)), it % 2 == 1) for it in range(count)]
    put(store, CAMPAIGNS, {"campaign:c-1": found, "learner": LearnerState(lessons=lessons)})
    (said,) = [line for line in state("c-1")[1] if line.startswith("reviewers ")]
    likely = Learner(LearnerState(lessons=lessons)).probability(found.decided)
    half = count // 2
    assert said == (
        f"reviewers {'no forecast' if likely is None else f'would confirm it with {likely:.0%},'} "
        f"by {half} lessons of innocent and {half} of confirmed campaigns"
    )
    assert (likely is None) == (count == 0)


@pytest.mark.parametrize("subject", ["bogus:x", "payment:", "acct:7"])
def test_what_is_neither_a_link_nor_a_known_account_is_one_sentence_with_the_kinds(
    state: Callable[..., Outcome], subject: str
) -> None:
    code, lines, err = state(subject)
    assert (code, lines, err.count("\n")) == (2, [], 1)
    assert "network, asn, payment, template, tls" in err


def test_an_account_whose_id_has_a_colon_is_found(store: MemoryStore, state: Callable[..., Outcome]) -> None:
    put_account(store, "acct:7")
    assert state("acct:7")[0] == 0


def test_a_link_that_nobody_shares_is_unknown(state: Callable[..., Outcome]) -> None:
    assert state("payment:nothing") == (1, [], "Nothing is known of payment:nothing.\n")
