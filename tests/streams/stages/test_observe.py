"""observe: when an account is judged, what is said about it, what it may teach, and which links leave."""

from collections import Counter
from collections.abc import Iterable
from itertools import count, pairwise
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.accounts import TYPICAL, AccountState, account_of
from streams.anomaly import EPOCH, MOST_ALIKE, Model
from streams.batch import EventBatch, Incoming, account_key
from streams.decisions import Decision
from streams.events import RequestEvent
from streams.links import CAPABILITY_BIT, MARK_ERROR, MARK_REFUSAL, Links, Source, Who, link_partition
from streams.policy import DEFAULT_POLICY, Allowlist, BlastRadius, Evaluation, Policy
from streams.stages import ObserveStage, Outgoing, Output
from streams.stages.observe import FEATURES, cohort_of, features_of
from streams.stages.observe_shard import ObserveShard
from streams.states import States
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.link_uses import Use, each_use

NOON_MS = 1_791_201_600_000
LINK_PARTITIONS = 4
LADDER = DEFAULT_POLICY.account
STRICT = replace(
    DEFAULT_POLICY,
    account=replace(LADDER, prior=-1.0, throttle=replace(LADDER.throttle, families=1)),
    evaluation=Evaluation(first_at=4, every=64),
)
"""One reason is enough to throttle: the shipped policy is tuned, what the stage does with it is not."""


class Bench(NamedTuple):
    """The stage with one partition of the requests, its states, and all that has left it."""

    stage: ObserveStage
    states: States
    left: list[Outgoing]
    tally: Counter[str]

    def take(
        self, events: Iterable[RequestEvent], appended_at_ms: int | None = None, *, first_offset: int = 0
    ) -> Output:
        """One batch, appended when the events say or at one moment."""
        items = EventBatch(
            Incoming(first_offset + number, event.occurred_at_ms if appended_at_ms is None else appended_at_ms, event)
            for number, event in enumerate(events)
        )
        self.states.begin_step()
        for key in self.states.missing(sorted(self.stage.needs(items, self.states))):
            self.states.held[key] = self.stage.decode(key, None)
        output = self.stage.fold(Source(0, "requests-1"), items, self.states)
        self.left.extend(output.records)
        self.tally.update(output.tally)
        return output

    def account(self, name: str) -> AccountState:
        return account_of(self.stored(name))

    def stored(self, name: str) -> bytes:
        return self.states.read(account_key(name), bytes)

    def decisions(self) -> list[Decision]:
        return [record.value for record in self.left if isinstance(record.value, Decision)]

    def links(self) -> list[tuple[int | None, Links]]:
        """The records of links with the partition that each goes to."""
        return [(record.partition, record.value) for record in self.left if isinstance(record.value, Links)]

    def uses(self) -> list[Use]:
        return [use for _, links in self.links() for use in each_use(links)]


def bench(policy: Policy = STRICT, partitions: int = 1) -> Bench:
    return Bench(ObserveStage(policy, LINK_PARTITIONS, partitions), States(), [], Counter())


def event(at_ms: int = NOON_MS, account: str = "a", **fields: object) -> RequestEvent:
    whole = {"event_id": "e", "occurred_at_ms": at_ms, "account_id": account, "operation": "chat"}
    return msgspec.convert({**whole, "request_model": "m", **fields}, RequestEvent)


def greedy(count: int, account: str = "a", **fields: object) -> list[RequestEvent]:
    """A new account that uses several times what its plan allows: one signal fires."""
    said = {"account_created_at_ms": NOON_MS - DAY_MS, "plan_daily_tokens": 1_000, "input_tokens": 1_000, **fields}
    return [event(NOON_MS + number * MINUTE_MS, account, **said) for number in range(count)]


def evaluations(policy: Policy, count: int) -> list[int]:
    """After how many requests the account was judged."""
    observe = bench(policy)
    judged = []
    for number in range(1, count + 1):
        observe.take([event(NOON_MS + number)])
        if observe.account("a").evaluated_requests == number:
            judged.append(number)
    return judged


def test_an_account_is_judged_at_its_first_events_at_each_doubling_and_then_regularly() -> None:
    policy = replace(STRICT, evaluation=Evaluation(first_at=4, every=64))
    assert evaluations(policy, 300) == [4, 8, 16, 32, 64, 128, 192, 256]
    assert evaluations(replace(STRICT, evaluation=Evaluation(first_at=1, every=1)), 5) == [1, 2, 3, 4, 5]


@given(st.lists(st.integers(1, 40), max_size=12))
def test_when_an_account_is_judged_does_not_depend_on_batches(sizes: list[int]) -> None:
    events = greedy(sum(sizes))
    whole, cut = bench(), bench()
    whole.take(events)
    for start, size in zip([sum(sizes[:index]) for index in range(len(sizes))], sizes, strict=True):
        cut.take(events[start : start + size])
    assert [decision.action for decision in cut.decisions()] == [decision.action for decision in whole.decisions()]
    if events:
        assert cut.stored("a") == whole.stored("a")


def test_a_greedy_new_account_is_throttled_with_reasons_and_a_place() -> None:
    observe = bench()
    observe.take(greedy(10))
    decision = observe.decisions()[0]
    assert (decision.subject_kind, decision.subject_id, decision.action) == ("account", "a", "throttle")
    assert {reason.family for reason in decision.reasons} == {"lifecycle"}
    assert decision.decided_at_ms == NOON_MS + 3 * MINUTE_MS
    assert (decision.campaign_id, decision.members) == (None, ())
    assert len(observe.decisions()) == 1


def test_a_decision_is_measured_from_the_event_that_caused_it() -> None:
    observe = bench()
    observe.take(greedy(4))
    (record,) = [record for record in observe.left if record.topic == "enforcement"]
    assert (record.key, record.partition, record.appended_at_ms) == ("a", None, NOON_MS + 3 * MINUTE_MS)


def test_an_ordinary_account_is_never_decided_about() -> None:
    observe = bench(DEFAULT_POLICY)
    observe.take(
        event(NOON_MS + number * 20 * MINUTE_MS, plan_daily_tokens=10**6, input_tokens=900) for number in range(70)
    )
    assert observe.decisions() == []


@pytest.mark.parametrize(
    "allowlist",
    [
        Allowlist(accounts=frozenset({"a"})),
        Allowlist(organisations=frozenset({"o"})),
        Allowlist(payments=frozenset({"p"})),
    ],
    ids=["account", "organisation", "payment"],
)
def test_who_is_allowlisted_is_watched_and_never_decided_about(allowlist: Allowlist) -> None:
    observe = bench(replace(STRICT, allowlist=allowlist))
    observe.take([*greedy(10, org_id="o", payment_hash="p"), *greedy(10, "b", payment_hash="q")])
    assert {decision.subject_id for decision in observe.decisions()} == {"b"}
    assert observe.account("a").requests == 10
    said = {(use.who.account_id, use.who.exempt) for use in observe.uses() if use.who is not None}
    assert said == {("a", True), ("b", False)}


def test_the_blast_radius_holds_back_limits_and_says_observe_instead() -> None:
    observe = bench(replace(STRICT, blast_radius=BlastRadius(2)))
    for name in "abcd":
        observe.take(greedy(4, name))
    assert [decision.action for decision in observe.decisions()] == ["throttle", "throttle", "observe", "observe"]
    assert observe.tally["withheld"] == 2
    later = [replace(one, occurred_at_ms=one.occurred_at_ms + HOUR_MS) for one in greedy(4, "c")]
    observe.take(later)
    assert (observe.decisions()[-1].subject_id, observe.decisions()[-1].action) == ("c", "throttle")


def test_partitions_share_the_blast_radius_and_none_has_less_than_one() -> None:
    for cap, partitions, mine in ((8, 4, 2), (3, 8, 1), (0, 8, 0)):
        observe = bench(replace(STRICT, blast_radius=BlastRadius(cap)), partitions)
        for number in range(5):
            observe.take(greedy(4, str(number)))
        assert sum(decision.action == "throttle" for decision in observe.decisions()) == mine


def test_who_is_limited_already_uses_up_nothing_more() -> None:
    observe = bench(replace(STRICT, blast_radius=BlastRadius(1)))
    observe.take(greedy(64))
    observe.take([replace(one, occurred_at_ms=one.occurred_at_ms + 5 * HOUR_MS) for one in greedy(64)])
    assert [decision.action for decision in observe.decisions()] == ["throttle", "throttle"]
    assert observe.tally["withheld"] == 0


def test_an_event_from_the_future_happened_when_the_log_took_it() -> None:
    observe = bench()
    output = observe.take([event(NOON_MS + DAY_MS)], appended_at_ms=NOON_MS)
    assert output.tally["clamped"] == 1
    assert observe.account("a").last_ms == NOON_MS


def test_late_events_are_counted_and_metered() -> None:
    observe = bench()
    output = observe.take([event(NOON_MS + HOUR_MS), event(NOON_MS)])
    assert (output.tally["late"], observe.account("a").late, observe.account("a").requests) == (1, 1, 2)


def shared(at_ms: int = NOON_MS, account: str = "a", **fields: object) -> RequestEvent:
    return event(at_ms, account, **{"network_hash": "n", "payment_hash": "p", "template_hash": "t", **fields})


def test_every_event_says_which_links_it_used() -> None:
    observe = bench()
    observe.take(
        [
            shared(input_tokens=3, capability="coding"),
            shared(NOON_MS + 59_999, output_tokens=4, status_code=500, capability="coding"),
            shared(NOON_MS + MINUTE_MS, finish_reason="refusal", org_id="o"),
            shared(NOON_MS + MINUTE_MS, "b", account_created_at_ms=1),
        ],
        first_offset=40,
    )
    minute = NOON_MS // MINUTE_MS
    payments = [use for use in observe.uses() if use.link.kind == "payment"]
    assert [(use.minute, use.offset) for use in payments] == [
        (minute, 40),
        (minute, 41),
        (minute + 1, 42),
        (minute + 1, 43),
    ]
    coding, other = 1 << CAPABILITY_BIT, 7 << CAPABILITY_BIT
    assert [(use.input_tokens, use.output_tokens, use.marks) for use in payments] == [
        (3, 0, coding),
        (0, 4, coding | MARK_ERROR),
        (0, 0, other | MARK_REFUSAL),
        (0, 0, other),
    ]
    assert [use.who for use in payments] == [
        Who("a", None, None, exempt=False, payment_hash="p"),
        Who("a", None, None, exempt=False, payment_hash="p"),
        Who("a", "o", None, exempt=False, payment_hash="p"),
        Who("b", None, 1, exempt=False, payment_hash="p"),
    ]


def test_each_record_of_links_goes_to_the_partition_that_owns_them() -> None:
    observe = bench()
    observe.take(shared(NOON_MS, "a", template_hash=f"t{number}", payment_hash=f"p{number}") for number in range(40))
    assert [partition for partition, _ in observe.links()] == list(range(LINK_PARTITIONS))
    for partition, links in observe.links():
        assert {link_partition(link.kind, link.value, LINK_PARTITIONS) for link in links.links} == {partition}
        assert (links.source, links.source_offset) == (Source(0, "requests-1"), 39)


def test_who_is_spared_by_what_an_event_says_is_spared_from_that_event_on() -> None:
    observe = bench(replace(STRICT, allowlist=Allowlist(organisations=frozenset({"o"}))))
    observe.take([shared(), shared(org_id="o"), shared()])
    observe.take([shared()])
    whos = [use.who for use in observe.uses() if use.link.kind == "payment"]
    assert [who is not None and who.exempt for who in whos] == [False, True, True, True]


def test_links_are_as_old_as_the_newest_event_of_their_batch() -> None:
    observe = bench()
    observe.take([shared(NOON_MS + HOUR_MS), shared(NOON_MS)])
    assert {record.appended_at_ms for record in observe.left} == {NOON_MS + HOUR_MS}


def test_events_that_share_nothing_send_no_links_and_no_events_send_nothing() -> None:
    observe = bench()
    observe.take([event()])
    observe.take([])
    assert observe.left == []


def busy(account: str, hours: int, *, start_ms: int = NOON_MS, **fields: object) -> list[RequestEvent]:
    """Twenty requests an hour, so that the account is judged many times."""
    said = {"plan": "pro", **fields}
    return [
        event(start_ms + hour * HOUR_MS + number * 3 * MINUTE_MS, account, conversation_id=str(number), **said)
        for hour in range(hours)
        for number in range(20)
    ]


def test_one_account_teaches_at_most_once_in_six_hours() -> None:
    observe = bench(replace(DEFAULT_POLICY, evaluation=Evaluation(first_at=1, every=1)))
    taught = [one.occurred_at_ms // HOUR_MS for one in busy("a", 48) if observe.take([one]).tally["learned"]]
    assert all(later - earlier >= 6 for earlier, later in pairwise(taught))
    assert 7 <= len(taught) <= 8
    assert observe.tally["gate_taught_recently"] > 0


def test_a_limited_account_does_not_teach() -> None:
    observe = bench(replace(STRICT, evaluation=Evaluation(first_at=1, every=1)))
    observe.take(greedy(30))
    assert observe.decisions()[-1].action == "throttle"
    assert observe.tally["learned"] == 0
    assert observe.tally["gate_limited"] > 0


def test_a_small_window_neither_teaches_nor_is_judged_strange() -> None:
    observe = bench(replace(DEFAULT_POLICY, evaluation=Evaluation(first_at=1, every=1)))
    observe.take(busy("a", 1)[:11])
    assert (observe.account("a").head.p_value, observe.tally["learned"], observe.tally["gate_taught_recently"]) == (
        None,
        0,
        0,
    )


def test_once_an_epoch_was_learnt_an_account_has_a_p_value() -> None:
    observe = bench(STRICT)
    for number in range(EPOCH):
        observe.take(busy(f"account-{number}", 1, start_ms=NOON_MS + number * MINUTE_MS))
    assert observe.tally["learned"] == EPOCH
    observe.take(busy("late", 2, start_ms=NOON_MS + DAY_MS))
    assert observe.account("late").head.p_value is not None


def test_features_are_finite_and_named_even_for_an_account_that_did_nothing() -> None:
    nothing = TYPICAL._replace(
        requests=0, tokens=0, requests_1h=0, plan_daily_tokens=None, templates=0, conversations=0
    )
    for view in (TYPICAL, nothing):
        assert len(features_of(view)) == len(FEATURES)
        assert all(0 <= value <= 1.5 for value in features_of(view))


def test_a_cohort_is_a_plan_an_age_and_whether_one_thing_that_campaigns_extract_is_half_of_all() -> None:
    assert cohort_of(TYPICAL) == "pro/old/other"
    assert cohort_of(TYPICAL._replace(age_ms=DAY_MS)) == "pro/new/other"
    assert cohort_of(TYPICAL._replace(plan=None, age_ms=None)) == "none/old/other"
    assert cohort_of(TYPICAL._replace(capability_share=0.5)) == "pro/old/extraction"


def test_a_campaign_that_pays_with_one_card_teaches_a_twentieth_of_an_epoch() -> None:
    """It goes on as long as the epoch does, and none of it is limited yet."""
    observe, came = bench(DEFAULT_POLICY), 0
    for number in count():
        is_campaign = number % 16 == 0
        name = f"{'campaign' if is_campaign else 'customer'}-{number}"
        card = "one card" if is_campaign else f"card {number}"
        observe.take(busy(name, 1, start_ms=NOON_MS + number * MINUTE_MS, payment_hash=card))
        came += is_campaign
        if observe.states.read("model", Model).warm:
            break
    campaign = [key for key in observe.states.held if key.startswith("account:campaign")]
    taught = [key for key in campaign if account_of(observe.states.read(key, bytes)).head.taught_hour]
    assert observe.tally["learned"] == EPOCH
    assert len(taught) == MOST_ALIKE
    assert observe.tally["gate_shared"] == came - MOST_ALIKE > 10


def test_a_placeholder_for_a_payment_is_nothing_that_is_shared() -> None:
    observe = bench(DEFAULT_POLICY)
    for number in range(2 * MOST_ALIKE):
        observe.take(busy(f"a-{number}", 1, start_ms=NOON_MS + number * MINUTE_MS, payment_hash="unknown"))
    assert (observe.tally["learned"], observe.tally["gate_shared"]) == (2 * MOST_ALIKE, 0)


def test_accounts_are_counted_once_each() -> None:
    observe = bench()
    observe.take([event(NOON_MS, name) for name in "abca"])
    observe.take([event(NOON_MS, name) for name in "cd"])
    assert observe.states.read("shard", ObserveShard).subjects == 4


def test_what_is_decided_about_an_account_stands_in_its_head_and_lasts() -> None:
    observe = bench()
    observe.take(greedy(4))
    (decision,) = observe.decisions()
    force = observe.account("a").enforcement
    assert (force.action, force.sequence, force.expires_at_ms) == ("throttle", 1, decision.expires_at_ms)
    observe.take([event(NOON_MS + HOUR_MS)])
    assert observe.account("a").enforcement == force


several = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60)


@given(several, st.lists(st.integers(1, 20), max_size=12))
def test_decisions_about_several_accounts_follow_the_log_whatever_the_batches(
    acts: list[tuple[str, int]], sizes: list[int]
) -> None:
    """Heads, budget and model are worked on in the order of the log, though accounts are folded one after the other."""
    policy = replace(STRICT, blast_radius=BlastRadius(2), evaluation=Evaluation(first_at=2, every=4))
    events = [
        event(
            NOON_MS + minute * MINUTE_MS,
            name,
            account_created_at_ms=NOON_MS - DAY_MS,
            plan_daily_tokens=1_000,
            input_tokens=1_000,
            payment_hash="p",
        )
        for name, minute in acts
    ]
    whole, cut = bench(policy), bench(policy)
    whole.take(events)
    start = 0
    for size in [*sizes, len(events)]:
        if start < len(events):
            cut.take(events[start : start + size], first_offset=start)
        start += size
    assert cut.decisions() == whole.decisions()
    assert cut.tally == whole.tally
    assert cut.uses() == whole.uses()
    assert {name: cut.stored(name) for name, _ in acts} == {name: whole.stored(name) for name, _ in acts}


@pytest.mark.parametrize("key", ["account:a", "model", "shard"])
def test_a_state_that_was_never_stored_is_a_fresh_one_of_its_kind(key: str) -> None:
    stage = bench().stage
    fresh = stage.decode(key, None)
    again = stage.decode(key, stage.encode(key, fresh))
    assert type(again) is type(fresh)
    assert stage.encode(key, again) == stage.encode(key, fresh)
