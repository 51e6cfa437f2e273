"""What hangs together with what, against the plainest way to say it; and what of a campaign goes with a part."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from streams.accounts import Enforcement
from streams.campaigns import Campaign
from streams.evidence import LinkEvidence, Seen, bit_of
from streams.findings import Finding
from streams.policy import LONGEST_EXPIRY_MS
from streams.sketches import Sketches
from streams.splitting import has_lost_a_tie, parts_of, split_off
from streams.windows import DAY_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER

NOW_MS = 100 * DAY_MS
LONG_AGO_MS = NOW_MS - LONGEST_EXPIRY_MS - 1
ACCOUNTS = 24
LINKS = ("template:a", "template:b", "template:c", "template:d", "payment:p", "payment:q")
A, B = (SKETCHER.sketch(words.split()) for words in ("one two three four five", "six seven eight nine ten"))
assert len({bit_of(link) for link in LINKS[:4]}) == 4


def campaign_of(users: Mapping[str, AbstractSet[int]], *, expired: AbstractSet[str] = frozenset()) -> Campaign:
    """A campaign of these links with the accounts that used each, of which those `expired` tie nobody any more."""
    campaign = Campaign("c-1", newest_ms=NOW_MS)
    for link, accounts in users.items():
        campaign.links[link] = LinkEvidence(LONG_AGO_MS if link in expired else NOW_MS, ())
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
    groups = [frozenset(it) for it in sorted(by_hand(users), key=min)]
    groups = [it for it in groups if len(set[int]().union(*(users[link] for link in it))) >= fewest]
    homes: dict[frozenset[str], set[str]] = {it: set() for it in groups}
    for account in range(ACCOUNTS):
        used = {it: sum(account in users[link] for link in it) for it in homes}
        if any(used.values()):
            homes[max(homes, key=used.__getitem__)].add(f"u{account:02}")
    main = max(homes, key=lambda it: len(homes[it]), default=None)
    expected = {(it, frozenset(has)) for it, has in homes.items() if it != main and len(has) >= fewest}
    assert {*parts_of(campaign_of(users), Sketches(), fewest)} == expected


def test_a_link_that_expired_holds_nothing_together_and_is_no_part() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(10, 18)}, "payment:p": {0, 1, 2, 10, 11, 12}}
    assert parts_of(campaign_of(users), Sketches(), 5) == []
    (part,) = parts_of(campaign_of(users, expired={"payment:p"}), Sketches(), 5)
    assert part.links == {"template:b"}
    assert part.accounts == {f"u{number}" for number in range(10, 18)}


def test_a_link_ties_as_long_as_what_was_decided_about_it_stands() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(10, 18)}, "template:c": {0, 1, 2, 10, 11, 12}}
    campaign = campaign_of(users, expired={"template:c"})
    campaign.links["template:c"].enforcement = Enforcement("challenge", NOW_MS + 1, 1)
    assert parts_of(campaign, Sketches(), 5) == []


def test_it_is_looked_at_when_a_link_expires_and_not_again() -> None:
    campaign = campaign_of({"template:a": {1}, "template:b": {2}}, expired={"template:b"})
    assert has_lost_a_tie(campaign, NOW_MS - DAY_MS)
    assert not has_lost_a_tie(campaign, NOW_MS)


def test_of_a_part_is_known_what_follows_from_its_own_links() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(7, 17)}, "template:c": {14, 15}, "payment:p": {13, 14}}
    campaign = campaign_of(users, expired={"template:c", "payment:p"})
    campaign.members = dict.fromkeys(campaign.seen, 1)
    campaign.undecided, campaign.inherited, campaign.payments = ["u00", "u08"], ["u01", "u09"], {"p"}
    (part,) = parts_of(campaign, Sketches(), 5)
    assert ({*part.links}, len(part.accounts)) == ({"template:a"}, 8)
    new = split_off(campaign, part, "c-2", Sketches())
    assert (new.campaign_id, {*new.links}, {*new.seen}) == ("c-2", {"template:a"}, {*part.accounts})
    assert {*new.members} == {*part.accounts}
    assert (new.undecided, new.inherited, new.payments) == (["u00"], ["u01"], set())
    assert {it.templates for it in new.seen.values()} == {bit_of("template:a")}
    assert {*campaign.links} == {"template:b", "template:c", "payment:p"}
    assert campaign.members.keys() == campaign.seen.keys() == {f"u{number:02}" for number in range(8, 17)}
    assert (campaign.undecided, campaign.inherited, campaign.payments) == (["u08"], ["u09"], {"p"})


def test_what_an_expired_payment_said_of_an_account_goes_with_nobody() -> None:
    users = {"template:a": {*range(8)}, "template:b": {*range(8, 18)}, "payment:p": {0, 1, 8, 9}}
    campaign = campaign_of(users, expired={"payment:p"})
    (part,) = parts_of(campaign, Sketches(), 5)
    new = split_off(campaign, part, "c-2", Sketches())
    assert not any(it.paid for it in new.seen.values())
    assert new.payments == set()


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
    campaign, sketches = campaign_of(users), Sketches()
    assert parts_of(campaign, sketches, 5) == []
    for link, sketch in {"template:a": A, one: A, "template:b": B, other: B}.items():
        campaign.links[link].sketch = sketch or ""
        sketches.note(Finding("template", link.partition(":")[2], NOW_MS, (), (), sketch, "other"))
    (part,) = parts_of(campaign, sketches, 5)
    assert part.links == {"template:a", one}
