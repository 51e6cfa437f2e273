"""What hangs together with what, against the plainest way to say it; and what of a campaign goes with a part."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.accounts import Enforcement
from streams.campaigns import Campaign
from streams.evidence import LinkEvidence, Seen, bit_of
from streams.policy import LONGEST_EXPIRY_MS
from streams.splitting import may_split, parts_of, split_off
from streams.windows import DAY_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER

NOW_MS = 100 * DAY_MS
LONG_AGO_MS = NOW_MS - LONGEST_EXPIRY_MS - 1
ACCOUNTS = 24
LINKS = ("template:a", "template:b", "template:c", "template:d", "payment:p", "payment:q")
A, B = (SKETCHER.sketch(words.split()) for words in ("one two three four five", "six seven eight nine ten"))
assert len({bit_of(link) for link in LINKS[:4]}) == 4


def campaign_of(users: Mapping[str, AbstractSet[int]], *, lapsed: AbstractSet[str] = frozenset()) -> Campaign:
    """A campaign of these links with the accounts that used each, of which those `lapsed` tie nobody any more."""
    campaign = Campaign("c-1", newest_ms=NOW_MS)
    for link, accounts in users.items():
        campaign.links[link] = LinkEvidence(LONG_AGO_MS if link in lapsed else NOW_MS, ())
        for account in accounts:
            seen = campaign.seen.setdefault(f"u{account:02}", Seen(0))
            if link.startswith("template:"):
                seen.templates |= bit_of(link)
            else:
                seen.paid, seen.payment_hash = True, link.partition(":")[2]
    return campaign


def by_hand(users: Mapping[str, AbstractSet[int]]) -> list[set[str]]:
    """The links that hang together: groups that share enough accounts, with those that share enough with one of them.

    Then the groups that these make are looked at in the same way, until nothing changes.
    """
    groups = [{link} for link in sorted(users)]
    while True:
        accounts = [set[int]().union(*(users[link] for link in it)) for it in groups]
        merged: list[set[int]] = [{place} for place in range(len(groups))]
        for one, other in combinations(range(len(groups)), 2):
            smaller = min(len(accounts[one]), len(accounts[other]))
            if len(accounts[one] & accounts[other]) >= max(min(2, smaller), 0.1 * smaller):
                both = [it for it in merged if it & {one, other}]
                merged = [it for it in merged if it not in both] + [set().union(*both)]
        if len(merged) == len(groups):
            return groups
        groups = [set().union(*(groups[place] for place in it)) for it in merged]


templates = st.dictionaries(st.sampled_from(LINKS[:4]), st.sets(st.integers(0, ACCOUNTS - 1), min_size=1))
payers = st.lists(st.sampled_from([None, *LINKS[4:]]), min_size=ACCOUNTS, max_size=ACCOUNTS)


@given(templates, payers, st.integers(1, 4))
def test_parts_share_fewer_accounts_than_would_join_them(
    sent: dict[str, set[int]], paid: list[str | None], fewest: int
) -> None:
    users = {**sent, **{it: {n for n, link in enumerate(paid) if link == it} for it in LINKS[4:] if it in paid}}
    campaign = campaign_of(users)
    campaign.members = dict.fromkeys(campaign.seen, 1)
    groups = [frozenset(it) for it in sorted(by_hand(users), key=min)]
    groups = [it for it in groups if len(set[int]().union(*(users[link] for link in it))) >= fewest]
    homes: dict[frozenset[str], set[str]] = {it: set() for it in groups}
    for account in range(ACCOUNTS):
        used = {it: sum(account in users[link] for link in it) for it in homes}
        if any(used.values()):
            homes[max(homes, key=used.__getitem__)].add(f"u{account:02}")
    others = sorted((it for it in homes if len(homes[it]) >= fewest), key=lambda it: -len(homes[it]))[1:]
    parts = parts_of(campaign, fewest)
    assert [(it.links, {*it.accounts}) for it in parts[1:]] == [(it, homes[it]) for it in others]
    if parts:
        assert frozenset[str]().union(*(it.links for it in parts)) == campaign.links.keys()
        assert sorted(name for it in parts for name in it.accounts) == sorted(campaign.seen)


def test_a_link_that_lapsed_holds_nothing_together() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(10, 19)}, "payment:p": {0, 1, 2, 10, 11}}
    assert parts_of(campaign_of(users), 5) == []
    parts = parts_of(campaign_of(users, lapsed={"payment:p"}), 5)
    assert [{*it.links} for it in parts] == [{"template:b"}, {"template:a", "payment:p"}]
    assert parts[1].accounts == {f"u{number:02}" for number in range(8)}


def test_a_link_ties_as_long_as_what_was_decided_about_it_stands() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(10, 18)}, "template:c": {0, 1, 2, 10, 11, 12}}
    campaign = campaign_of(users, lapsed={"template:c"})
    campaign.links["template:c"].enforcement = Enforcement("challenge", NOW_MS + 1, 1)
    assert parts_of(campaign, 5) == []


def test_who_used_what_is_no_members_counts_as_little_as_when_campaigns_are_joined() -> None:
    users = {"template:a": {*range(100)}, "template:b": {*range(95, 190)}}
    campaign = campaign_of(users)
    campaign.members = {f"u{number:02}": 1 for number in (*range(90, 102),)}
    assert parts_of(campaign, 5) == []
    campaign.members = dict.fromkeys(campaign.seen, 1)
    assert len(parts_of(campaign, 5)) == 2


def test_it_is_looked_at_once_a_day_and_only_if_a_link_lapsed_and_no_member_was_forgotten() -> None:
    campaign = campaign_of({"template:a": {1}, "template:b": {2}}, lapsed={"template:b"})
    campaign.swept_ms = NOW_MS
    assert may_split(campaign, NOW_MS - 1)
    assert not may_split(campaign, NOW_MS)
    campaign.gone = 1
    assert not may_split(campaign, NOW_MS - 1)
    assert not may_split(replace(campaign_of({"template:a": {1}}), swept_ms=NOW_MS), NOW_MS - 1)


def test_of_a_part_is_known_what_follows_from_its_own_links() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(7, 17)}, "template:c": {14, 15}, "payment:p": {13, 14}}
    campaign = campaign_of(users, lapsed={"template:c", "payment:p"})
    for seen in campaign.seen.values():
        seen.repeated = seen.templates
    campaign.members = dict.fromkeys(campaign.seen, 1)
    campaign.undecided, campaign.inherited = ["u00", "u08"], ["u01", "u09"]
    parts = parts_of(campaign, 5)
    assert [({*part.links}, len(part.accounts)) for part in parts] == [
        ({"template:b", "template:c", "payment:p"}, 9),
        ({"template:a"}, 8),
    ]
    one, other = (split_off(campaign, part, part_id) for part, part_id in zip(parts, ("c-2", "c-3"), strict=True))
    assert (other.campaign_id, {*other.links}, {*other.members}) == ("c-3", {"template:a"}, {*parts[1].accounts})
    assert (other.undecided, other.inherited, other.payments) == (["u00"], ["u01"], set())
    assert {it.templates for it in other.seen.values()} == {bit_of("template:a")}
    assert (one.undecided, one.inherited, one.payments) == (["u08"], ["u09"], {"p"})
    assert {name for name, it in one.seen.items() if it.paid} == {"u13", "u14"}
    assert not any(it.templates & bit_of("template:a") for it in one.seen.values())


def test_who_is_no_member_by_what_is_left_is_none_but_was_seen_and_is_a_stranger() -> None:
    """Only a card of others and a template of this part once: that the card tied them has lapsed."""
    users = {"template:a": {*range(8)}, "template:b": {*range(8, 18)}, "payment:p": {7, 8, 9}}
    campaign = campaign_of(users, lapsed={"payment:p"})
    for name, seen in campaign.seen.items():
        seen.repeated = 0 if name == "u07" else seen.templates
    campaign.members = dict.fromkeys(campaign.seen, 1)
    _, part = parts_of(campaign, 5)
    new = split_off(campaign, part, "c-2")
    assert {*new.members} == {f"u{number:02}" for number in range(7)}
    assert "u07" in new.seen
    assert new.links["template:a"].strangers == {"u07"}


def two_with_the_same_bit() -> tuple[str, str]:
    known: dict[int, str] = {}
    for number in range(100):
        name = f"template:{number}"
        if (bit := bit_of(name)) in known:
            return known[bit], name
        known[bit] = name
    raise AssertionError("a hundred names have a hundred different bits of 64")


def test_templates_that_accounts_cannot_tell_apart_hold_nothing_together_that_other_wordings_tell_apart() -> None:
    one, other = two_with_the_same_bit()
    users = {"template:a": {*range(8)}, one: {*range(8)}, "template:b": {*range(10, 19)}, other: {*range(10, 19)}}
    campaign = campaign_of(users)
    assert parts_of(campaign, 5) == []
    for link, sketch in {"template:a": A, one: A, "template:b": B, other: B}.items():
        campaign.links[link].sketch = sketch or ""
    assert [{*it.links} for it in parts_of(campaign, 5)] == [{"template:b", other}, {"template:a", one}]


@pytest.mark.parametrize("wordings", [40, 80, 150])
def test_of_whom_nothing_is_told_for_sure_nearly_all_go_with_the_part_that_they_are_of(wordings: int) -> None:
    large = {f"template:{it}": {*range(2 * it, 2 * it + 6)} for it in range(wordings)}
    small = {f"template:other {it}": {*range(1_000 + 2 * it, 1_006 + 2 * it)} for it in range(20)}
    campaign = campaign_of({**large, **small})
    for name, link in campaign.links.items():
        link.sketch = (A if name in large else B) or ""
    campaign.members = dict.fromkeys(campaign.seen, 1)
    one, other = parts_of(campaign, 5)
    assert ({*one.links}, {*other.links}) == ({*large}, {*small})
    theirs = {name for name in campaign.seen if int(name[1:]) >= 1_000}
    assert len((one.accounts & theirs) | (other.accounts - theirs)) <= len(campaign.seen) / 20


def test_a_card_that_lapsed_tells_of_who_paid_with_it_though_its_templates_may_be_anothers() -> None:
    same, as_same = two_with_the_same_bit()
    mine, theirs = [name for name in LINKS[:4] if bit_of(name) != bit_of(same)][:2]
    paid = {*range(29, 34)}
    users = {same: {*range(12)}, mine: {*range(12)}, as_same: {*range(20, 29)} | paid, theirs: {*range(20, 29)}}
    campaign = campaign_of({**users, "payment:p": {*range(20, 29)} | paid}, lapsed={"payment:p"})
    for name, sketch in ((same, A), (mine, A), (as_same, B), (theirs, B)):
        campaign.links[name].sketch = sketch or ""
    campaign.members = dict.fromkeys(campaign.seen, 1)
    with_card = next(it for it in parts_of(campaign, 5) if theirs in it.links)
    assert with_card.accounts == {f"u{number}" for number in range(20, 34)}


def test_a_wording_that_lapsed_goes_with_those_that_it_resembles() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(10, 19)}, "template:c": set[int](), "template:d": {10}}
    campaign = campaign_of(users, lapsed={"template:c", "template:d"})
    for link, sketch in {"template:a": A, "template:b": B, "template:c": A, "template:d": None}.items():
        campaign.links[link].sketch = sketch or ""
    assert [{*it.links} for it in parts_of(campaign, 5)] == [{"template:b", "template:d"}, {"template:a", "template:c"}]


def test_who_used_only_what_lapsed_stays_with_it_in_the_largest() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(10, 19)}, "template:c": {*range(20, 26)}}
    campaign = campaign_of(users, lapsed={"template:c"})
    large, small = parts_of(campaign, 5)
    assert ({*large.links}, len(large.accounts)) == ({"template:b", "template:c"}, 15)
    assert ({*small.links}, len(small.accounts)) == ({"template:a"}, 8)
