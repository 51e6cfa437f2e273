"""What makes a campaign, what joins one, and what is left when one takes another in."""

import msgspec

from streams.accounts import Enforcement
from streams.campaigns import Campaign
from streams.decisions import Reason
from streams.evidence import LinkEvidence
from streams.findings import Finding, Tied, link_name
from streams.joining import add_finding, found, homes_of, take_in
from streams.links import LinkKind
from streams.windows import HOUR_MS

NOON_MS = 1_791_201_600_000


def reason(signal: str = "accounts_per_payment", observed: float = 9.0) -> Reason:
    return Reason(signal, "identity", f"{observed:.0f} accounts.", observed, 5.0, 3.5)


def finding(
    members: str, value: str = "p", *, kind: LinkKind = "payment", hours: int = 0, observed: float = 9.0
) -> Finding:
    """A finding about the accounts named by the letters of `members`."""
    return Finding(kind, value, NOON_MS + hours * HOUR_MS, (reason(observed=observed),), tuple(map(Tied, members)))


def campaign(name: str, members: str, *links: str, hours: int = 0) -> Campaign:
    return Campaign(
        campaign_id=name,
        created_ms=NOON_MS + hours * HOUR_MS,
        newest_ms=NOON_MS + hours * HOUR_MS,
        links={link: LinkEvidence(NOON_MS, (reason(),), len(members)) for link in links},
        members=dict.fromkeys(members, NOON_MS),
        undecided=list(members),
    )


def reasons_of(one: Campaign) -> tuple[Reason, ...]:
    return one.reasons(one.view(one.belonging()))


def homes(*campaigns: Campaign) -> dict[str, str]:
    return {member: one.campaign_id for one in campaigns for member in one.members}


def joined(found_now: Finding, *campaigns: Campaign) -> list[str]:
    return homes_of(found_now, homes(*campaigns), {one.campaign_id: one for one in campaigns})


def test_the_id_follows_from_the_first_link_and_its_minute() -> None:
    one = found(finding("abc"))
    assert one.campaign_id == found(finding("xyz")).campaign_id
    assert one.campaign_id != found(finding("abc", "q")).campaign_id
    assert one.campaign_id != found(finding("abc", hours=1)).campaign_id
    assert one.campaign_id != found(finding("abc", kind="template")).campaign_id
    assert one.created_ms == NOON_MS


def test_an_id_is_sixteen_hexadecimal_digits_behind_a_letter() -> None:
    name = found(finding("abc")).campaign_id
    assert name.startswith("c-")
    assert len(bytes.fromhex(name[2:])) == 8
    assert found(finding("abc", "\ud800")).campaign_id != name


def test_a_link_is_named_with_its_kind() -> None:
    assert link_name(finding("a", "x:y", kind="template")) == "template:x:y"


def test_one_shared_account_never_joins() -> None:
    assert joined(finding("axyz", "q"), campaign("c-1", "abcd", "payment:p")) == []


def test_two_shared_accounts_join() -> None:
    assert joined(finding("abyz", "q"), campaign("c-1", "abcd", "payment:p")) == ["c-1"]


def test_two_accounts_are_too_few_between_two_crowds() -> None:
    """From 20 accounts on it takes a tenth of the smaller of the two; of those who pay with one payment a quarter."""
    crowd = "".join(chr(0x4E00 + number) for number in range(50))
    guests = "".join(chr(0x6E00 + number) for number in range(40))
    big = campaign("c-1", crowd, "payment:p")
    assert joined(finding(crowd[:9] + guests[:31], "q"), big) == []
    assert joined(finding(crowd[:10] + guests[:30], "q"), big) == ["c-1"]
    assert joined(finding(crowd[:2] + guests[:5], "q"), big) == ["c-1"]
    own = campaign("c-2", guests, "template:q")
    own.found_ms = NOON_MS
    assert joined(finding(crowd[:3] + guests, "q", kind="template"), big, own) == ["c-2"]
    assert joined(finding(crowd[:5] + guests, "q", kind="template"), big, own) == ["c-1", "c-2"]


def test_a_finding_belongs_to_the_campaign_that_has_its_link_whoever_its_members_are() -> None:
    assert joined(finding("xyz"), campaign("c-1", "abcd", "payment:p")) == ["c-1"]


def test_campaigns_that_belong_together_are_named_oldest_first() -> None:
    old, young = campaign("c-9", "abcd", "payment:o"), campaign("c-1", "wxyz", "payment:y", hours=3)
    assert joined(finding("abwx", "q"), young, old) == ["c-9", "c-1"]
    same_age = campaign("c-5", "klmn", "payment:k")
    assert joined(finding("abkl", "q"), old, same_age) == ["c-5", "c-9"]


def test_shared_accounts_are_added_up_over_all_findings_of_a_link() -> None:
    """However a link's members were spread over its findings, two of another campaign tie it to that."""
    other = campaign("c-1", "abcd", "payment:p")
    first = finding("ax", "q")
    assert joined(first, other) == []
    own = found(first)
    add_finding(own, first, homes(other))
    second = finding("by", "q", hours=1)
    assert joined(second, other, own) == ["c-1", own.campaign_id]


def test_an_account_that_a_link_names_again_is_shared_no_more_than_before() -> None:
    """Otherwise what is said again, when networks are built from the log anew, joined what one account shares."""
    other = campaign("c-1", "abcd", "payment:p")
    first = finding("ax", "q")
    own = found(first)
    add_finding(own, first, homes(other))
    for hours in range(1, 4):
        assert joined(finding("ax", "q", hours=hours), other, own) == [own.campaign_id]


def test_an_older_finding_takes_no_newer_evidence_away() -> None:
    one = found(finding("ab", hours=2))
    add_finding(one, finding("ab", hours=2, observed=12), {})
    add_finding(one, finding("c", hours=1, observed=7), homes(one))
    assert one.links["payment:p"] == LinkEvidence(NOON_MS + 2 * HOUR_MS, (reason(observed=12),), 3)


def test_of_two_findings_of_one_minute_the_one_said_last_counts() -> None:
    one = found(finding("ab"))
    add_finding(one, finding("ab", observed=12), {})
    add_finding(one, finding("c", observed=7), homes(one))
    assert one.links["payment:p"].reasons == (reason(observed=7),)


def test_a_finding_adds_its_evidence_and_those_who_belong_nowhere_yet() -> None:
    one = campaign("c-1", "ab", "payment:p")
    assert add_finding(one, finding("abcd", "q", hours=2), {**homes(one), "d": "c-2"}) == ["c"]
    assert one.members == {"a": NOON_MS, "b": NOON_MS, "c": NOON_MS + 2 * HOUR_MS}
    assert one.undecided == ["a", "b", "c"]
    assert one.newest_ms == NOON_MS + 2 * HOUR_MS
    assert one.links["payment:q"] == LinkEvidence(NOON_MS + 2 * HOUR_MS, (reason(),), 4)


def test_a_late_finding_does_not_turn_the_time_back() -> None:
    one = campaign("c-1", "ab", "payment:p", hours=5)
    add_finding(one, finding("c"), homes(one))
    assert one.newest_ms == NOON_MS + 5 * HOUR_MS


def test_of_each_signal_the_strongest_reason_of_any_link_counts() -> None:
    one = found(finding("abc", observed=5))
    add_finding(one, finding("abc", observed=5), {})
    add_finding(one, finding("def", "q", observed=12), {})
    add_finding(one, finding("ghi", "r", observed=7), {})
    assert reasons_of(one) == (reason(observed=12),)
    assert reasons_of(Campaign()) == ()


def test_what_is_taken_in_is_lost_nowhere() -> None:
    older, younger = campaign("c-1", "ab", "payment:p"), campaign("c-2", "cd", "payment:q", hours=1)
    younger.undecided = ["d"]
    take_in(older, younger, limited=False)
    assert older.members.keys() == {"a", "b", "c", "d"}
    assert older.links.keys() == {"payment:p", "payment:q"}
    assert older.undecided == ["a", "b", "c", "d"]
    assert older.newest_ms == NOON_MS + HOUR_MS
    assert (younger.merged_into, younger.members, younger.links, younger.undecided) == ("c-1", {}, {}, [])


def test_who_is_limited_now_does_not_wait_behind_those_who_are_not() -> None:
    older, younger = campaign("c-1", "ab", "payment:p"), campaign("c-2", "cde", "payment:q")
    younger.undecided = ["e"]
    take_in(older, younger, limited=True)
    assert (older.inherited, older.undecided) == (["c", "d"], ["a", "b", "e"])


def test_a_campaign_that_was_stored_is_the_same() -> None:
    one = campaign("c-1", "abc", "payment:p", "template:t")
    one.enforcement = Enforcement("suspend", NOON_MS + HOUR_MS, 3)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Campaign) == one
