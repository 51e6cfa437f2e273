"""networks: a link is judged when its minute closes, never because a batch ended, and each member is named once."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.findings import Finding, Findings
from streams.links import LINK_KINDS, LinkDelta, LinkKind, Links
from streams.networks import TYPICAL, NetworkState
from streams.policy import DEFAULT_POLICY, SIGNALS, Policy
from streams.stages import NetworksStage, Outgoing, Output
from streams.stages.networks import FEATURES, NetworksShard, PlacedLinks, features_of, link_key, link_of, settled_hour
from streams.states import States
from streams.windows import MINUTE_MS

NOON = 1_791_201_600_000 // MINUTE_MS
HOUR = 60
WATCHFUL = replace(
    DEFAULT_POLICY,
    signals={
        **SIGNALS,
        "accounts_per_payment": replace(SIGNALS["accounts_per_payment"], threshold=3),
        "accounts_per_template": replace(SIGNALS["accounts_per_template"], threshold=3),
    },
)


class Bench(NamedTuple):
    """The stage with one partition of links, its states, and all that has left it."""

    stage: NetworksStage
    states: States
    left: list[Outgoing]
    tally: Counter[str]

    def take(self, *records: Links, first_offset: int = 0) -> Output:
        """One batch of records; none at all: nothing more came for a while."""
        items = [PlacedLinks(first_offset + number, links) for number, links in enumerate(records)]
        while missing := self.states.missing(sorted(self.stage.needs(items, self.states))):
            for key in missing:
                self.states.held[key] = self.stage.decode(key, None)
        output = self.stage.fold(3, items, self.states)
        self.left.extend(output.records)
        self.tally.update(output.tally)
        return output

    def findings(self) -> list[Finding]:
        return [one for record in self.left if isinstance(record.value, Findings) for one in record.value.findings]

    def link(self, kind: LinkKind = "payment", value: str = "v") -> NetworkState:
        return self.states.read(link_key(kind, value), NetworkState)


def bench(policy: Policy = WATCHFUL) -> Bench:
    return Bench(NetworksStage(policy), States(), [], Counter())


def delta(
    account: str, minute: int = NOON, *, kind: LinkKind = "payment", value: str = "v", network: str | None = None
) -> LinkDelta:
    return LinkDelta(kind, value, account, minute, 2, 10, 20, 0, 0, {0: 2}, None, None, network, exempt=False)


def links(deltas: Iterable[LinkDelta], offset: int = 0, source: int = 0) -> Links:
    given_deltas = list(deltas)
    return Links(source, offset, max((one.minute for one in given_deltas), default=NOON) * MINUTE_MS, given_deltas)


def crowd(names: str, hours: Iterable[int], *, kind: LinkKind = "payment") -> list[LinkDelta]:
    """Each of the accounts in each of the hours, at its own minute of the hour and from its own network."""
    return [
        delta(name, NOON + hour * HOUR + index, kind=kind, network=f"network-{name}")
        for hour in hours
        for index, name in enumerate(names)
    ]


def test_a_payment_behind_several_accounts_that_came_back_is_found_once_the_minute_closed() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    assert networks.findings() == []
    networks.take(links([delta("d", NOON + HOUR + 10)], offset=1), first_offset=1)
    (found,) = networks.findings()
    assert (found.kind, found.value, found.members) == ("payment", "v", ("a", "b", "c"))
    assert found.as_of_ms == (NOON + HOUR + 2) * MINUTE_MS
    assert "accounts_per_payment" in [reason.signal for reason in found.reasons]


def test_findings_say_where_they_come_from() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])), links([delta("d", NOON + HOUR + 10)], offset=1), first_offset=40)
    (record,) = networks.left
    assert isinstance(record.value, Findings)
    assert (record.topic, record.partition) == ("findings", 0)
    assert (record.value.source_partition, record.value.source_offset, record.value.part) == (3, 41, 0)
    assert record.appended_at_ms == record.value.appended_at_ms == (NOON + HOUR + 10) * MINUTE_MS


def test_each_member_is_named_in_one_finding_only() -> None:
    networks = bench()
    networks.take(links(crowd("abcdef", [0, 1, 2, 3])))
    networks.take(links(crowd("abcdefgh", [4, 5, 6]), offset=1), first_offset=1)
    named = [member for found in networks.findings() for member in found.members]
    assert sorted(named) == sorted(set(named)) == list("abcdefgh")


def test_when_an_hour_begins_links_that_fell_silent_are_looked_at_too() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    elsewhere = delta("z", NOON + 2 * HOUR, kind="asn", value="64500")
    networks.take(links([elsewhere], offset=1), first_offset=1)
    assert [found.members for found in networks.findings()] == [tuple("abc")]


def test_when_nothing_more_comes_what_was_left_open_is_looked_at() -> None:
    networks = bench()
    networks.take(links(crowd("abc", [0, 1])))
    networks.take()
    (record,) = networks.left
    assert isinstance(record.value, Findings)
    assert (record.value.source_offset, record.value.part) == (0, 1)
    assert [found.members for found in record.value.findings] == [tuple("abc")]
    networks.take()
    assert len(networks.left) == 1


def test_a_template_ties_nobody_by_itself() -> None:
    """Many may come upon a template by chance: synchrony or youth must speak of the same link too."""
    quiet = replace(WATCHFUL, signals={**WATCHFUL.signals, "synchrony": replace(SIGNALS["synchrony"], enabled=False)})
    deltas = crowd("abcdefgh", range(24), kind="template")
    others = [delta(f"other-{number}", kind="template", value=f"t{number}", network="n") for number in range(60)]
    for policy, tied in ((WATCHFUL, True), (quiet, False)):
        networks = bench(policy)
        networks.take(links([*others, *deltas]))
        networks.take()
        assert bool(networks.findings()) is tied


def test_synchrony_waits_until_every_partition_has_left_the_hour_behind() -> None:
    """A partition that is read ahead of the others must not make the accounts of one partition look alone together."""
    networks = bench(WATCHFUL)
    networks.take(links(crowd("abcdefgh", range(24), kind="template")))
    networks.take(links([delta("z", kind="asn", value="64500", minute=NOON + 19 * HOUR)], source=9), first_offset=1)
    (shard,) = (state for state in networks.states.held.values() if isinstance(state, NetworksShard))
    assert shard.hours == {0: (NOON + 23 * HOUR) // HOUR, 9: (NOON + 19 * HOUR) // HOUR}
    assert settled_hour(shard) == (NOON + 18 * HOUR) // HOUR


def test_a_partition_that_fell_silent_holds_nobody_up() -> None:
    assert settled_hour(NetworksShard(hours={0: 500, 1: 493, 2: 499})) == 498
    assert settled_hour(NetworksShard()) == -1


@pytest.mark.parametrize("kind", ["network", "asn", "tls"])
def test_what_everybody_shares_is_counted_judged_and_ties_nobody(kind: LinkKind) -> None:
    networks = bench()
    networks.take(links(delta(name, NOON + hour * HOUR, kind=kind) for hour in range(5) for name in "abcdefgh"))
    networks.take()
    assert networks.findings() == []
    assert networks.link(kind).requests == 80
    assert networks.tally["learned"] == 1


def test_a_record_that_was_seen_before_is_not_counted_again() -> None:
    networks = bench()
    networks.take(links([delta("a")], offset=5), links([delta("b")], offset=5, source=1))
    assert networks.take(links([delta("a")], offset=5), links([delta("a")], offset=4)).tally["duplicate"] == 2
    assert networks.link().requests == 4
    networks.take(links([delta("a")], offset=6))
    assert networks.link().requests == 6


deltas_of_one_source = st.lists(
    st.builds(
        delta,
        st.sampled_from("abcdef"),
        st.integers(0, 300).map(lambda minute: NOON + minute),
        kind=st.sampled_from(LINK_KINDS),
        value=st.sampled_from("vw"),
        network=st.sampled_from([None, "n1", "n2", "n3", "n4", "n5"]),
    ),
    max_size=80,
)


@given(deltas_of_one_source, st.lists(st.integers(1, 10), max_size=30))
def test_findings_do_not_depend_on_how_the_log_was_cut(deltas: list[LinkDelta], sizes: list[int]) -> None:
    """In any order of event time, deltas one by one and in any batches lead to the same findings in the same order."""
    records = [links([one], offset) for offset, one in enumerate(deltas)]
    whole, cut = bench(), bench()
    whole.take(*records)
    start = 0
    for size in [*sizes, len(records)]:
        if records[start : start + size]:
            cut.take(*records[start : start + size], first_offset=start)
        start += size
    whole.take()
    cut.take()
    assert cut.findings() == whole.findings()
    assert cut.tally == whole.tally
    for key, state in whole.states.held.items():
        if isinstance(state, NetworkState):
            assert cut.states.held[key] == state


def test_once_accounts_are_many_they_are_counted_anew_each_hour() -> None:
    networks = bench()
    first = [delta(f"first-{number}", kind="template", value=f"t{number % 7}") for number in range(2_000)]
    more = [delta(f"more-{number}", NOON + 1, kind="template", value=f"t{number % 7}") for number in range(1_000)]
    networks.take(links([*first, *more]))
    known = networks.states.read("shard", NetworksShard).known_accounts
    assert known == pytest.approx(2_000, rel=0.15)
    networks.take()
    assert networks.states.read("shard", NetworksShard).known_accounts == known
    networks.take(links(crowd("abc", [1, 2]), offset=1), first_offset=1)
    networks.take()
    assert networks.states.read("shard", NetworksShard).known_accounts == pytest.approx(3_000, rel=0.15)


def test_a_link_of_few_accounts_teaches_the_model_nothing() -> None:
    networks = bench()
    networks.take(links(delta(name, NOON + hour * HOUR, kind="asn") for hour in range(20) for name in "ab"))
    networks.take()
    assert (networks.link("asn").p_value, networks.tally["learned"]) == (None, 0)


def test_a_link_that_ties_accounts_does_not_teach_the_model() -> None:
    networks = bench()
    networks.take(links(crowd("abcdefgh", range(30))))
    networks.take()
    assert networks.findings()
    assert networks.tally["gate_limited"] > 0


@pytest.mark.parametrize("value", ["plain", "with:colons:in:it", ""])
@pytest.mark.parametrize("kind", LINK_KINDS)
def test_the_key_of_a_links_state_names_the_link(kind: LinkKind, value: str) -> None:
    assert link_of(link_key(kind, value)) == (kind, value)


def test_features_are_finite_and_named_even_for_a_link_over_which_nothing_came() -> None:
    for view in (TYPICAL, TYPICAL._replace(requests=0, accounts=0, tokens=0, errors=0, networks=0)):
        assert len(features_of(view)) == len(FEATURES)
        assert all(0 <= value <= 1.5 for value in features_of(view))


@pytest.mark.parametrize("key", ["link:payment:v", "model", "shard", "everybody"])
def test_a_state_that_was_never_stored_is_a_fresh_one_of_its_kind(key: str) -> None:
    stage = bench().stage
    fresh = stage.decode(key, None)
    again = stage.decode(key, stage.encode(key, fresh))
    assert type(again) is type(fresh)
    assert stage.encode(key, again) == stage.encode(key, fresh)


def test_what_one_partition_keeps_beside_its_links_is_bounded_by_what_is_open() -> None:
    networks = bench()
    networks.take(links(delta(name, NOON + hour * HOUR, value=f"v{hour}") for hour in range(48) for name in "abcd"))
    networks.take()
    assert networks.states.read("shard", NetworksShard).open_links == set()
