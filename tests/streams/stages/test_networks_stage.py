"""networks: a link is judged when its minute closes, never because a batch ended, and each member is named once."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.anomaly import Model
from streams.findings import Crowd, Finding, Findings, Tied
from streams.links import LINK_KINDS, LinkKind, Links
from streams.networks import TYPICAL, NetworkState
from streams.stages.networks import (
    EVERYBODY,
    HOLDERS,
    MODEL,
    SHARD,
    link_key,
    link_of,
)
from streams.stages.networks_features import FEATURES, features_of
from streams.stages.networks_shard import NetworksShard
from streams.windows import DAY_MS, MINUTE_MS
from tests.streams.link_bench import HOUR, NOON, Act, links
from tests.streams.networks_bench import WATCHFUL, NetworksBench, bench


def act(account: str, minute: int = NOON, *, kind: LinkKind = "payment", value: str = "v") -> Act:
    return Act(account, minute, kind, value)


def crowd(names: str, hours: Iterable[int], *, kind: LinkKind = "payment") -> list[Act]:
    """Each of the accounts in each of the hours, at its own minute of the hour and from its own network.

    Somebody who never comes again was there before them: a link counts from its second account on.
    """
    return [
        Act("before", NOON - HOUR, kind, network="network-before"),
        *(
            Act(name, NOON + hour * HOUR + index, kind, network=f"network-{name}")
            for hour in hours
            for index, name in enumerate(names)
        ),
    ]


def test_a_payment_behind_several_accounts_that_came_back_is_found_once_the_minute_closed() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    assert networks.findings() == []
    networks.take(links([act("d", NOON + HOUR + 10)], 100), first_offset=1)
    (found,) = networks.findings()
    assert (found.kind, found.value, names(found)) == ("payment", "v", "abc")
    assert found.as_of_ms == (NOON + HOUR + 2) * MINUTE_MS
    assert "accounts_per_payment" in [reason.signal for reason in found.reasons]


def test_whoever_replaces_accounts_is_named_however_many_there_were_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.networks.MEMBERS", 8)
    networks = bench()
    networks.take(links([act("before", NOON - HOUR)], 100))
    for generation in range(1, 6):
        begun = NOON + generation * 6 * HOUR
        acts = [
            Act(f"{generation}-{name}", begun + hour * HOUR + index, created_ms=begun * MINUTE_MS)
            for hour in (0, 1)
            for index, name in enumerate("abcdefgh")
        ]
        networks.take(links(acts, 1_000 * generation), first_offset=generation)
    networks.take()
    named = {tied.account_id for found in networks.findings() for tied in found.members}
    assert named == {f"{generation}-{name}" for generation in range(1, 6) for name in "abcdefgh"}


def test_more_of_the_same_minute_does_not_close_it() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    networks.take(links([act("d", NOON + HOUR + 2)], 100), first_offset=1)
    assert networks.findings() == []
    networks.take(links([act("d", NOON + HOUR + 3)], 200), first_offset=2)
    assert [found.as_of_ms for found in networks.findings()] == [(NOON + HOUR + 2) * MINUTE_MS]


def test_findings_say_where_they_come_from() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])), links([act("d", NOON + HOUR + 10)], 100), first_offset=40)
    (record,) = networks.left
    assert isinstance(record.value, Findings)
    assert (record.topic, record.partition) == ("findings", 0)
    assert (record.value.source_partition, record.value.source_log) == (3, "links-1")
    assert (record.value.source_offset, record.value.part) == (41, 0)
    assert record.appended_at_ms == record.value.appended_at_ms == (NOON + HOUR + 10) * MINUTE_MS


def names(found: Finding) -> str:
    """The members of a finding, whose names are letters."""
    return "".join(tied.account_id for tied in found.members)


def test_each_member_is_named_in_one_finding_only() -> None:
    networks = bench()
    networks.take(links(crowd("abcdef", [0, 1, 2, 3])))
    networks.take(links(crowd("abcdefgh", [4, 5, 6])[1:], 100), first_offset=1)
    named = [tied.account_id for found in networks.findings() for tied in found.members]
    assert sorted(named) == sorted(set(named)) == list("abcdefgh")


def test_when_an_hour_begins_links_that_fell_silent_are_looked_at_too() -> None:
    """Whatever begins it: here an account alone over a link of its own."""
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    networks.take(links([act("z", NOON + 2 * HOUR, kind="asn", value="64500")], 100), first_offset=1)
    assert [names(found) for found in networks.findings()] == ["abc"]


def test_when_nothing_more_comes_what_was_left_open_is_looked_at() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    networks.take()
    (record,) = networks.left
    assert isinstance(record.value, Findings)
    assert (record.value.source_offset, record.value.part) == (0, 1)
    assert [names(found) for found in record.value.findings] == ["abc"]
    networks.take()
    assert len(networks.left) == 1


def test_the_account_that_held_a_link_alone_is_counted_and_a_member_once_it_comes_again() -> None:
    networks = bench()
    networks.take(links([act("a"), act("a", NOON + 1), act("b", NOON + 2)]))
    assert networks.link().requests == 1
    assert networks.link().laid_out().accounts.count(NOON // HOUR) == 2
    assert list(networks.link().members) == ["b"]
    networks.take(links([act("a", NOON + 3)], 100), first_offset=1)
    assert networks.link().requests == 2
    assert networks.link().laid_out().accounts.count(NOON // HOUR) == 2
    assert list(networks.link().members) == ["b", "a"]


def test_a_link_of_one_account_costs_no_state() -> None:
    networks = bench()
    networks.take(links(act("a", NOON + number, kind=kind) for number in range(30) for kind in LINK_KINDS))
    networks.take()
    assert networks.states.held.keys() == {MODEL, SHARD, EVERYBODY, HOLDERS}
    assert networks.shard().subjects == 0


def test_the_links_that_are_held_are_counted() -> None:
    networks = bench()
    networks.take(links(act(name, value=value) for name in "abc" for value in "vwx"))
    networks.take(links([act("d"), act("d", value="y")], 100), first_offset=1)
    assert networks.shard().subjects == 3


OTHERS = [Act(f"other-{number}", NOON - HOUR, "template", f"t{number}", network="n") for number in range(60)]


@pytest.mark.parametrize(("words", "uses", "is_found"), [(12, 1, True), (6, 1, False), (6, 3, True), (4, 9, False)])
def test_a_template_is_found_if_it_is_too_long_for_chance_or_long_and_returned_to(
    words: int, uses: int, is_found: bool
) -> None:
    networks = bench()
    acts = [act._replace(words=words) for act in crowd("abcd", [0], kind="template") for _ in range(uses)]
    networks.take(links([*OTHERS, *acts]))
    networks.take()
    assert "".join(map(names, networks.findings())) == ("abcd" if is_found else "")


def brief(acts: list[Act], words: int = 6) -> Links:
    """A record of links in which the template is so many words long."""
    return links([*OTHERS, *(act._replace(words=words) for act in acts)])


def test_who_uses_a_template_too_short_to_tie_anybody_is_told_each_time_they_are_half_as_many_again() -> None:
    networks = bench()
    acts = crowd("abcdefgh", [0], kind="template")
    networks.take(brief([*acts, acts[1]._replace(minute=NOON + 20)]))
    networks.take()
    assert networks.told() == ["abc", "abcde", "abcdefgh"]
    assert networks.findings() == []


def test_it_is_told_how_those_pay_for_themselves_who_were_opened_within_the_five_weeks_before() -> None:
    networks = bench()
    at_ms = NOON * MINUTE_MS
    opened_ms = {"a": at_ms - 35 * DAY_MS, "b": at_ms - 35 * DAY_MS - 1, "d": at_ms, "e": at_ms, "f": at_ms}
    orgs = {"e": "an organisation"}
    acts = [
        act._replace(
            minute=min(act.minute, NOON),
            created_ms=opened_ms.get(act.account),
            org=orgs.get(act.account),
            payment=None if act.account == "f" else "a card",
        )
        for act in crowd("abcdef", [0], kind="template")
    ]
    networks.take(brief([*acts, acts[1]._replace(minute=NOON + 20)]))
    networks.take()
    told = [it for record in networks.left if isinstance(record.value, Findings) for it in record.value.users][-1]
    assert told.accounts == tuple("abcdef")
    assert told.fresh == tuple(Tied(it, 1, None, "a card", opened_ms[it], at_ms) for it in "ad")


def test_who_uses_it_is_told_again_after_six_hours_if_it_goes_on() -> None:
    networks = bench()
    later = [
        Act(name, NOON + hour * HOUR, "template", network=f"network-{name}") for name, hour in (("f", 5), ("g", 6))
    ]
    networks.take(brief([*crowd("abcde", [0], kind="template"), *later]))
    networks.take()
    assert networks.told() == ["abc", "abcde", "abcdefg"]


@pytest.mark.parametrize("change", [{"words": 4}, {"network": "one"}, {"words": 12}], ids=str)
def test_of_a_commonplace_a_place_or_a_long_template_it_is_not_told(change: dict[str, Any]) -> None:
    networks = bench()
    networks.take(
        links([*OTHERS, *(act._replace(**{"words": 6, **change}) for act in crowd("abcdefgh", [0], kind="template"))])
    )
    networks.take()
    assert networks.told() == []


def test_of_what_a_quarter_of_all_accounts_use_it_is_not_told() -> None:
    networks = bench()
    networks.take(links([act._replace(words=6) for act in crowd("abcdefgh", [0], kind="template")]))
    networks.take()
    assert networks.told() == []


def test_who_is_told_of_fills_no_more_than_a_record_and_of_a_full_list_nobody_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.findings.ACCOUNTS_A_RECORD", 5)
    monkeypatch.setattr("streams.networks.MEMBERS", 8)
    networks = bench()
    networks.take(brief(crowd("abcdefgh", [0], kind="template")))
    networks.take()
    assert networks.told() == ["abc", "abcde"]
    records = [record.value for record in networks.left if isinstance(record.value, Findings)]
    assert [record.part for record in records] == [0, 1]


def test_it_is_not_told_where_the_policy_has_templates_tie_nobody() -> None:
    signals = WATCHFUL.signals
    off = replace(signals["accounts_per_template"], enabled=False)
    networks = bench(replace(WATCHFUL, signals={**signals, "accounts_per_template": off}))
    networks.take(brief(crowd("abcdefgh", [0], kind="template")))
    networks.take()
    assert networks.told() == []


def test_who_was_told_to_use_a_short_template_is_named_once_it_ties() -> None:
    networks = bench()
    acts = crowd("abcd", [0], kind="template")
    networks.take(brief([*acts, *(act._replace(minute=act.minute + 10) for act in acts)]))
    networks.take()
    assert sorted("".join(map(names, networks.findings())).replace("before", "")) == list("abcd")


def test_who_uses_a_template_again_and_again_is_named_once_more() -> None:
    networks = bench()
    acts = crowd("abcd", [0], kind="template")
    networks.take(links([*OTHERS, *[act._replace(minute=NOON + minute) for minute in range(9) for act in acts]]))
    networks.take()
    said = [(tied.account_id, tied.uses) for found in networks.findings() for tied in found.members]
    assert sorted(said) == sorted((name, uses) for name in (*"abcd", "before") for uses in (1, 4))


def test_synchrony_waits_until_every_partition_has_left_the_hour_behind() -> None:
    """A partition that is read ahead of the others must not make the accounts of one partition look alone together."""
    networks = bench()
    networks.take(links(crowd("abcdefgh", range(24), kind="template")))
    ahead = act("z", NOON + 19 * HOUR, kind="asn", value="64500")
    networks.take(links([ahead], source=9), first_offset=1)
    assert networks.shard().hours == {0: (NOON + 23 * HOUR) // HOUR, 9: (NOON + 19 * HOUR) // HOUR}
    assert networks.shard().settled_hour == (NOON + 18 * HOUR) // HOUR


def test_a_partition_that_fell_silent_holds_nobody_up() -> None:
    assert NetworksShard(hour=500, hours={0: 500, 1: 493, 2: 499}).settled_hour == 498
    assert NetworksShard(hour=500, hours={0: 500, 1: 494, 2: 499}).settled_hour == 493
    assert NetworksShard().settled_hour == -1


def test_an_hour_is_not_settled_before_its_links_were_folded() -> None:
    """The hours of a step are folded one after the other, though all of its records are known."""
    assert NetworksShard(hour=490, hours={0: 500, 1: 493, 2: 491}).settled_hour == 489


@pytest.mark.parametrize("kind", ["network", "asn", "tls"])
def test_what_everybody_shares_is_counted_judged_and_ties_nobody(kind: LinkKind) -> None:
    networks = bench()
    networks.take(links(act(name, NOON + hour * HOUR, kind=kind) for hour in range(5) for name in "abcdefgh"))
    networks.take()
    assert networks.findings() == []
    assert networks.link(kind).requests == 39
    assert networks.tally["learned"] == 1


def test_a_record_that_was_seen_before_is_not_counted_again() -> None:
    networks = bench()
    networks.take(links([act("a")], 5), links([act("b")], 5, source=1))
    assert networks.take(links([act("a")], 5), links([act("a")], 4)).tally["duplicate"] == 2
    assert networks.link().requests == 1
    networks.take(links([act("a")], 6))
    assert networks.link().requests == 2


def test_of_a_record_that_was_taken_in_part_only_the_rest_is_counted() -> None:
    networks = bench()
    networks.take(links([act("a"), act("b"), act("c")], 4))
    output = networks.take(links([act("c"), act("d"), act("e")], 6), first_offset=1)
    assert output.tally["duplicate"] == 0
    assert networks.link().requests == 4
    assert networks.shard().sources == {"/0": 8}


def test_a_topic_that_was_made_again_counts_from_0_again() -> None:
    networks = bench()
    networks.take(links([act("a"), act("b")], 100, log="k1"))
    networks.take(links([act("c")], 0, log="k2"), first_offset=1)
    assert networks.link().requests == 2
    assert networks.shard().sources == {"k1/0": 101, "k2/0": 0}
    assert networks.shard().hours == {0: NOON // HOUR}


@st.composite
def logs(draw: st.DrawFn) -> list[Act]:
    """Acts of one source in the order of their minutes, over five hours."""
    random = Random(draw(st.integers(0, 2**32)))
    minutes = sorted(NOON + random.randrange(300) for _ in range(draw(st.integers(0, 150))))
    networks = (None, "n1", "n2", "n3", "n4", "n5")
    return [
        Act(
            random.choice("abcdef"),
            minute,
            random.choice(LINK_KINDS),
            random.choice("vw"),
            network=random.choice(networks),
        )
        for minute in minutes
    ]


@given(logs(), st.lists(st.integers(1, 20), max_size=30), st.lists(st.integers(1, 9), max_size=30))
def test_findings_do_not_depend_on_how_the_log_was_cut(log: list[Act], sizes: list[int], steps: list[int]) -> None:
    """One source in the order of its minutes: any records and any steps lead to the same states and findings."""
    whole, cut = bench(), bench(forgetful=True)
    whole.take(links(log))
    records, start = [], 0
    for size in [*sizes, len(log)]:
        if log[start : start + size]:
            records.append(links(log[start : start + size], start))
        start += size
    start = 0
    for step in [*steps, len(records)]:
        if records[start : start + step]:
            cut.take(*records[start : start + step], first_offset=start)
        start += step
    whole.take()
    cut.take()
    assert cut.findings() == whole.findings()
    assert cut.told() == whole.told()
    assert cut.tally == whole.tally
    assert cut.network_states() == whole.network_states()
    assert cut.shard().known_accounts == whole.shard().known_accounts


def test_this_cut_proves_something_because_there_are_findings() -> None:
    payments = [one for hour in range(4) for one in crowd("abcdef", [hour])[1:]]
    brief = [act._replace(words=6) for act in crowd("abcdefgh", [0], kind="template")[1:]]
    log = sorted([*OTHERS, *payments, *brief], key=lambda act: act.minute)
    whole, cut = bench(), bench()
    whole.take(links(log))
    for place, one in enumerate(log):
        cut.take(links([one], place), first_offset=place)
    whole.take()
    cut.take()
    assert cut.findings() == whole.findings()
    assert cut.told() == whole.told()
    assert min(len(whole.findings()), len(whole.told())) > 1


def test_what_is_judged_in_an_hour_does_not_rest_on_accounts_that_came_later_in_the_step() -> None:
    networks = bench()
    early = [act(f"early-{number}", kind="template", value="t") for number in range(10)]
    later = [act(f"later-{number}", NOON + HOUR, kind="template", value="u") for number in range(50)]
    networks.take(links([*early, *later]))
    assert networks.shard().known_accounts == 10


def test_accounts_are_counted_anew_each_hour() -> None:
    networks = bench()
    first = [act(f"first-{number}", kind="template", value=f"t{number % 7}") for number in range(2_000)]
    more = [act(f"more-{number}", NOON + HOUR, kind="template", value=f"t{number % 7}") for number in range(1_000)]
    networks.take(links([*first, *more]))
    known = networks.shard().known_accounts
    assert known == pytest.approx(2_000, rel=0.15)
    networks.take()
    assert networks.shard().known_accounts == known
    networks.take(links(crowd("abc", [2, 3])[1:], 10_000), first_offset=1)
    assert networks.shard().known_accounts == pytest.approx(3_000, rel=0.15)


def test_a_link_of_few_accounts_teaches_the_model_nothing() -> None:
    networks = bench()
    networks.take(links(act(name, NOON + hour * HOUR, kind="asn") for hour in range(40) for name in "ab"))
    networks.take()
    assert (networks.link("asn").p_value, networks.tally["learned"]) == (None, 0)


def test_a_link_is_judged_anew_each_time_its_volume_has_doubled() -> None:
    networks = bench()
    looked_at: list[int] = []
    for number in range(80):
        networks.take(links([act("ab"[number % 2], NOON + number, kind="asn")], number), first_offset=number)
        if number and networks.link("asn").judge_at != (looked_at[-1] * 2 if looked_at else 16):
            looked_at.append(networks.link("asn").judge_at // 2)
    assert looked_at == [16, 32, 64]


def test_a_link_teaches_the_model_at_most_once_in_six_hours_and_the_lessons_last() -> None:
    networks = bench(forgetful=True)
    taught = []
    for hour in range(24):
        acts = [
            act(f"{name}{number}", NOON + hour * HOUR, kind="tls") for name in "abc" for number in range(2**hour % 97)
        ]
        networks.take(links(acts, 1_000 * hour), first_offset=hour)
        taught += [hour] * networks.take().tally["learned"]
    assert len(taught) > 1
    assert all(later - earlier >= 6 for earlier, later in pairwise(taught))
    model = networks.stage.decode(MODEL, networks.stored[MODEL])
    assert isinstance(model, Model)
    assert len(model.state.gathering) == len(taught)


def test_a_link_that_ties_accounts_does_not_teach_the_model() -> None:
    networks = bench()
    networks.take(links(crowd("abcdefgh", range(30))))
    networks.take()
    assert networks.findings()
    assert networks.tally["gate_limited"] > 0


def test_what_no_longer_ties_is_looked_at_again_once_an_hour() -> None:
    """A payment of three that is left by two: what was found goes on being looked at, and nothing is said."""
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    networks.take()
    networks.take(links((act("a", NOON + hour * HOUR) for hour in range(30, 33)), 100), first_offset=1)
    networks.take()
    assert len(networks.findings()) == 1
    assert networks.link().found_hour == NOON // HOUR + 32


def test_what_goes_on_is_said_again_each_hour_naming_nobody_new() -> None:
    networks = bench()
    networks.take(links(crowd("abc", range(6))))
    networks.take()
    assert [names(found) for found in networks.findings()] == ["abc", "", "", "", ""]


@pytest.mark.parametrize("value", ["plain", "with:colons:in:it", ""])
@pytest.mark.parametrize("kind", LINK_KINDS)
def test_the_key_of_a_links_state_names_the_link(kind: LinkKind, value: str) -> None:
    assert link_of(link_key(kind, value)) == (kind, value)


def test_features_are_finite_and_named_even_for_a_link_over_which_nothing_came() -> None:
    for view in (TYPICAL, TYPICAL._replace(requests=0, accounts=0, tokens=0, errors=0, networks=0)):
        assert len(features_of(view)) == len(FEATURES)
        assert all(0 <= value <= 1.5 for value in features_of(view))


@pytest.mark.parametrize("key", ["link:payment:v", "model", "shard", "everybody", "holders"])
def test_a_state_that_was_never_stored_is_a_fresh_one_of_its_kind(key: str) -> None:
    stage = bench().stage
    fresh = stage.decode(key, None)
    again = stage.decode(key, stage.encode(key, fresh))
    assert type(again) is type(fresh)
    assert stage.encode(key, again) == stage.encode(key, fresh)


def test_what_one_partition_keeps_beside_its_links_is_bounded_by_what_is_open() -> None:
    networks = bench()
    networks.take(links(act(name, NOON + hour * HOUR, value=f"v{hour}") for hour in range(48) for name in "abcd"))
    networks.take()
    assert networks.shard().open_links == set()


def test_the_table_of_holders_is_stored_anew_once_its_journal_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.stages.networks.LONGEST_JOURNAL", 100)
    monkeypatch.setattr("streams.holders.PLACES", 64)
    networks = bench(forgetful=True)
    appended = []
    for number in range(12):
        networks.take(links([act("a", NOON + number, value=str(number))], number), first_offset=number)
        appended.append(len(networks.states.appended.get(HOLDERS, b"")))
        assert networks.shard().journal_bytes <= 100
    assert appended == [20, 20, 20, 20, 20, 0] * 2
    networks.take(links((act("b", NOON + 20, value=str(number)) for number in range(12)), 20), first_offset=20)
    assert len(networks.network_states()) == 12


def test_a_link_with_a_state_is_a_network_state() -> None:
    networks = bench()
    networks.take(links([act("a"), act("b")]))
    assert isinstance(networks.states.held[link_key("payment", "v")], NetworkState)


def test_a_link_of_another_version_is_refused() -> None:
    networks = bench()
    networks.take(links([act("a"), act("b")]))
    state = networks.link()
    for numbers in (bytes((9,)) + state.numbers[1:], bytes((0,))):
        stored = networks.stage.encode("link:payment:v", replace(state, numbers=numbers))
        with pytest.raises(ValueError, match=f"a link is stored in version {numbers[0]}, not 1"):
            networks.stage.decode("link:payment:v", stored)


def erasure(name: str, until_minute: int, offset: int = 0) -> Links:
    """What observe says of an erased account to each partition of links."""
    return replace(links([], offset, source=1, log="feedback-1"), erased={name: until_minute * MINUTE_MS})


def test_an_erased_account_is_no_member_once_its_link_is_used_in_a_later_minute() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    networks.take(erasure("a", NOON + HOUR), first_offset=1)
    assert set(networks.link().members) == set("abc")
    networks.take(links([act("d", NOON + HOUR + 10)], 100), first_offset=2)
    assert set(networks.link().members) == set("bcd")
    assert [names(found) for found in networks.findings()] == []
    networks.take(links([act("a", NOON + HOUR + 11)], 200), first_offset=3)
    assert networks.link().members["a"].uses == 1
    networks.take(links([act("d", NOON + HOUR + 12)], 300), first_offset=4)
    assert networks.link().members["a"].uses == 1, "what it did since stays"


def test_who_is_erased_is_not_named_by_a_link_that_waits_to_be_looked_at() -> None:
    networks = bench()
    at_once = [act(name, NOON + HOUR) for name in "abcd"]
    networks.take(links([*crowd("abcd", [0]), *at_once]))
    assert networks.findings() == []
    assert networks.shard().open_links
    networks.take(erasure("a", NOON + HOUR), first_offset=1)
    networks.take(links([act("e", NOON + HOUR + 10)], 100), first_offset=2)
    assert [names(found) for found in networks.findings()] == ["bcd"]


@given(st.lists(st.integers(0, 3), min_size=4, max_size=4), st.integers(0, 1))
def test_an_erasure_comes_to_the_same_however_the_log_is_cut(cuts: list[int], forgetful: int) -> None:
    log = [
        links(crowd("abc", [0, 1])),
        erasure("a", NOON + HOUR),
        links([act("d", NOON + HOUR + 5), act("a", NOON + HOUR + 6)], 100),
        links([act("b", NOON + HOUR + 9), act("a", NOON + HOUR + 9)], 200),
        links([act("c", NOON + HOUR + 12)], 300),
    ]
    whole, parted = bench(), bench(forgetful=bool(forgetful))
    whole.take(*log)
    bounds = sorted({0, len(log), *cuts})
    for start, end in pairwise(bounds):
        parted.take(*log[start:end], first_offset=start)
    assert parted.link() == whole.link()
    assert whole.link().members["a"].uses == 2
    assert parted.shard().erased == whole.shard().erased == {"a": (NOON + HOUR) * MINUTE_MS}


def test_a_finding_says_since_when_its_members_have_used_the_link_not_counting_what_is_erased() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])), links([act("d", NOON + HOUR + 10)], 100))
    networks.take(erasure("a", NOON + HOUR), first_offset=2)
    came_back = [act("a", NOON + hour * HOUR) for hour in (5, 6)]
    networks.take(links([*came_back, act("d", NOON + 7 * HOUR)], 200), first_offset=3)
    networks.take()
    said = [(tied.account_id, tied.since_ms // MINUTE_MS - NOON) for it in networks.findings() for tied in it.members]
    assert said == [("a", 0), ("b", 1), ("c", 2), ("a", 5 * HOUR), ("d", HOUR + 10)]


def test_who_was_erased_two_months_ago_is_not_kept_in_mind_as_such() -> None:
    """An account may be erased 29 days after its last event, and states that name it last 29 days after that."""
    networks = bench()
    networks.take(erasure("a", NOON))
    networks.take(erasure("b", NOON + 60 * 24 * HOUR, 1), first_offset=1)
    assert set(networks.shard().erased) == {"a", "b"}
    networks.take(erasure("c", NOON + 60 * 24 * HOUR + 1, 2), first_offset=2)
    networks.take(erasure("c", NOON + 60 * 24 * HOUR + 1, 2), first_offset=3)
    assert set(networks.shard().erased) == {"b", "c"}
    assert networks.tally["duplicate"] == 1


def crowds(networks: NetworksBench) -> list[Crowd]:
    return [it for record in networks.left if isinstance(record.value, Findings) for it in record.value.crowds]


def test_it_is_told_how_many_pay_with_what_a_crowd_pays_with_and_again_once_it_has_grown() -> None:
    networks = bench()
    names = [f"account {number}" for number in range(60)]
    for at, name in enumerate(names[:8]):
        networks.take(links([act(name, NOON + at)], at), first_offset=at)
    assert crowds(networks) == []
    for at, name in enumerate(names[8:], start=8):
        networks.take(links([act(name, NOON + at)], at), first_offset=at)
    first, second = crowds(networks)
    assert (first.payment_hash, second.payment_hash) == ("v", "v")
    assert (first.accounts, second.accounts) == (17, 33)
    for at in range(60, 200):  # a day later those who came first pay again
        networks.take(links([act(names[at % 30], NOON + 24 * HOUR + at)], at), first_offset=at)
    (*_, again) = crowds(networks)
    assert len(crowds(networks)) == 3
    assert again.as_of_ms >= second.as_of_ms + 23 * HOUR * MINUTE_MS
    assert again.accounts == 60


def test_of_a_template_that_a_crowd_uses_it_is_not_told_how_it_pays() -> None:
    networks = bench()
    for at in range(130):
        networks.take(links([act(f"account {at}", NOON + at, kind="template")], at), first_offset=at)
    assert crowds(networks) == []
