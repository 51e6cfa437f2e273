"""campaigns: how members pay is told with them, for accounts that are opened later, and not what a crowd pays with."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from streams.campaigns import Campaign
from streams.decisions import Decision
from streams.enforcement import Ask, InForce
from streams.events import LATEST_MS
from streams.evidence import Seen
from streams.findings import Crowd
from streams.policy import DEFAULT_POLICY
from streams.stages.campaign_payments import AT_ONCE, MOST_CROWDS, Crowded, payments_to_name
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.evaluation.deciding import decision
from tests.streams.stages.test_campaigns_by_template import OLD_MS, YOUNG_MS, limited, of, relay, said, taken
from tests.streams.stages.test_campaigns_feedback import hear, verdict
from tests.streams.stages.test_campaigns_stage import CHALLENGE, NOON_MS, Bench, bench, finding


def join(campaigns: Bench, names: Iterable[str], payment: str, *, minutes: int = 20) -> None:
    """These accounts, opened lately, send two wordings of the relay's, and pay with this instrument."""
    for number in (1, 2):
        campaigns.take(said(number, names, minutes=minutes + number, opened_ms=YOUNG_MS, payment=payment))


def naming(campaigns: Bench) -> list[Decision]:
    return [it for it in of(campaigns, "campaign") if it.members]


def crowd(payment: str, accounts: int, *, minutes: int = 0) -> Crowd:
    return Crowd(payment, NOON_MS + minutes * MINUTE_MS, accounts)


def test_the_payments_of_members_are_told_with_them_for_accounts_opened_after_it_was_found() -> None:
    campaigns = taken(*relay())
    first, *_ = naming(campaigns)
    assert set(first.payments) == {f"own {member}" for member in first.members}
    assert first.opened_from_ms == first.decided_at_ms
    join(campaigns, "xy", "card")
    (later,) = [it for it in naming(campaigns) if "x" in it.members]
    assert (later.members, later.payments, later.opened_from_ms) == (("x", "y"), ("card",), first.decided_at_ms)


def test_a_payment_is_told_once() -> None:
    campaigns = taken(*relay())
    join(campaigns, "x", "card")
    join(campaigns, "y", "card", minutes=30)
    told = [it.payments for it in naming(campaigns) if {"x", "y"} & {*it.members}]
    assert told == [("card",), ()]


def test_a_decision_that_names_nobody_tells_no_payment() -> None:
    campaigns = taken(*relay(60, opened_ms=OLD_MS))
    assert limited(campaigns) == set()
    assert [(it.payments, it.opened_from_ms) for it in of(campaigns, "campaign")] == [((), None)] * len(
        of(campaigns, "campaign")
    )


def test_how_an_organisation_pays_is_not_told() -> None:
    organised = [
        replace(it, members=tuple(replace(tied, org_id=f"org of {tied.account_id}") for tied in it.members))
        for it in relay()
    ]
    campaigns = taken(*organised)
    assert limited(campaigns) == {f"m{account}" for account in range(12)}
    assert {it.payments for it in naming(campaigns)} == {()}


def test_what_a_crowd_pays_with_is_not_told_unless_most_of_it_are_members() -> None:
    campaigns = taken(*relay())
    campaigns.take(crowds=[crowd("placeholder", 300), crowd("card", 16)])
    join(campaigns, "x", "placeholder")
    join(campaigns, "stuvwyz", "card", minutes=30)
    join(campaigns, "q", "card", minutes=40)
    told = [(it.payments, len(it.members)) for it in naming(campaigns) if {*"xqs"} & {*it.members}]
    assert told == [((), 1), ((), 7), (("card",), 1)]


def test_the_heir_of_a_campaign_tells_again_how_those_pay_whom_it_takes_over() -> None:
    campaigns = bench()
    campaigns.take(finding("abcde", "p"))
    campaigns.take(finding("vwxyz", "q", minutes=1))
    before = {it.subject_id: it.payments for it in naming(campaigns)}
    campaigns.take(finding("abcdevwxyz", "r", minutes=2))
    heir = naming(campaigns)[-1]
    (taken_in,) = before.keys() - {heir.subject_id}
    assert set(before[taken_in]) <= set(heir.payments)


def test_an_innocent_takes_its_payment_out_of_what_is_told_and_the_next_who_pays_so_brings_it_back() -> None:
    campaigns = taken(*relay())
    join(campaigns, "x", "card")
    hear(campaigns, replace(verdict("innocent", "x", minutes=40), payment_hash="card"))
    join(campaigns, "y", "card", minutes=60)
    assert [it.payments for it in naming(campaigns) if "y" in it.members] == [("card",)]


def test_how_a_member_pays_is_told_once_it_is_known() -> None:
    campaigns = bench()
    campaigns.take(finding("abcde", kind="payment"))
    assert naming(campaigns)[-1].payments == ()
    later = finding("abcde", "q", CHALLENGE, minutes=5)
    campaigns.take(replace(later, members=tuple(replace(it, payment_hash="card") for it in later.members)))
    assert [it.payments for it in of(campaigns, "campaign")][-1] == ("card",)


def test_what_an_account_of_an_organisation_pays_with_is_not_told_of_another_that_pays_so() -> None:
    campaigns = bench()
    mixed = finding("abcdef")
    members = (replace(it, org_id="org" if it.account_id == "a" else None, payment_hash="card") for it in mixed.members)
    campaigns.take(replace(mixed, members=tuple(members)))
    assert {"a", "b"} <= limited(campaigns)
    assert {it.payments for it in of(campaigns, "campaign")} == {()}


def test_a_payment_is_taken_back_once_a_crowd_pays_so_and_is_told_again_if_most_are_members() -> None:
    campaigns = taken(*relay())
    join(campaigns, "xy", "card")
    campaigns.take(crowds=[crowd("card", 23, minutes=25)])
    join(campaigns, "z", "another", minutes=26)
    campaigns.take(crowds=[crowd("card", 24, minutes=30)])
    join(campaigns, "w", "third", minutes=31)
    join(campaigns, [f"n{number}" for number in range(30)], "card", minutes=40)
    said = [(it.payments, (it.opened_from_ms or 0) > NOON_MS + DAY_MS) for it in of(campaigns, "campaign")]
    assert said[-4:] == [(("another",), False), (("card",), True), (("third",), False), (("card",), False)]
    gateway, new = InForce(), Ask("new", payment_hash="card", account_created_at_ms=NOON_MS + 35 * MINUTE_MS)
    standing = []
    for it in of(campaigns, "campaign"):
        gateway.take(it)
        standing.append(gateway.over_payment(new, it.decided_at_ms) is not None)
    assert standing[-4:] == [True, False, False, True]


def test_what_is_told_of_a_crowd_counts_for_what_was_found_since_and_not_before() -> None:
    campaigns = taken(*relay())
    findings = [
        said(number, "xy"[after], minutes=20 + 10 * after + number, opened_ms=YOUNG_MS, payment="card")
        for after in (0, 1)
        for number in (1, 2)
    ]
    campaigns.take(*findings, crowds=[crowd("card", 300, minutes=25)])
    told = [(it.members, it.payments) for it in naming(campaigns) if {"x", "y"} & {*it.members}]
    assert told[0] == (("x",), ("card",))
    assert told[1] == (("y",), ())
    assert [it.payments for it in of(campaigns, "campaign") if it.opened_from_ms == LATEST_MS] == [("card",)]


def test_where_a_campaign_goes_on_accounts_count_that_were_opened_within_a_week() -> None:
    campaigns = taken(*relay())
    join(campaigns, "x", "card", minutes=30 * 24 * 60)
    (later,) = [it for it in naming(campaigns) if "x" in it.members]
    assert later.opened_from_ms == later.decided_at_ms - 7 * DAY_MS


def test_so_many_payments_as_fit_into_a_record_are_told_and_the_rest_with_the_next_decision() -> None:
    campaigns = Campaign("c-1", found_ms=NOON_MS)
    for number in range(AT_ONCE + 3):
        campaigns.members[f"m{number:05}"] = NOON_MS
        campaigns.seen[f"m{number:05}"] = Seen(NOON_MS, payment_hash=f"p{number:05}")
    first, rest, none = [payments_to_name(campaigns, Crowded()) for _ in range(3)]
    assert (len(first), rest, none) == (AT_ONCE, tuple(f"p{AT_ONCE + it:05}" for it in range(3)), ())


def test_a_campaign_called_innocent_tells_its_payments_anew_if_it_is_limited_again() -> None:
    campaigns = taken(*relay())
    join(campaigns, "x", "card")
    (campaign,) = campaigns.campaigns().values()
    hear(campaigns, verdict("innocent", campaign.campaign_id, 60, "campaign"))
    assert next(iter(campaigns.campaigns().values())).told == set()
    gateway, new = InForce(), Ask("new", payment_hash="card", account_created_at_ms=NOON_MS + DAY_MS)
    for it in of(campaigns, "campaign"):
        gateway.take(it)
    month = 29 * 24 * 60
    join(campaigns, "z", "another", minutes=month)
    again = [it for it in of(campaigns, "campaign") if it.decided_at_ms > NOON_MS + 28 * DAY_MS and it.payments]
    assert "card" in again[0].payments
    for it in again:
        gateway.take(it)
    assert gateway.over_payment(new, again[-1].decided_at_ms) is None


@pytest.mark.parametrize("whose", ["x", "nobody's yet"])
def test_a_payment_that_a_release_took_back_is_told_anew_with_the_next_decision_also_if_told_as_of_before(
    whose: str,
) -> None:
    campaigns = taken(*relay())
    join(campaigns, "xy", "card")
    hear(campaigns, replace(verdict("innocent", whose, 40), payment_hash="card"))
    join(campaigns, "w", "third", minutes=38)  # found as of before that, and taken after it
    join(campaigns, "v", "fourth", minutes=60)
    gateway = InForce()
    gateway.take(decision("release", whose, NOON_MS + 40 * MINUTE_MS, payments=("card",)))
    for it in of(campaigns, "campaign"):
        gateway.take(it)
    new = Ask("new", payment_hash="card", account_created_at_ms=NOON_MS + HOUR_MS)
    assert gateway.over_payment(new, NOON_MS + 63 * MINUTE_MS) is not None


def test_of_a_campaign_that_is_innocent_no_payment_is_left_as_told() -> None:
    campaigns = taken(*relay())
    (campaign,) = campaigns.campaigns().values()
    hear(campaigns, verdict("innocent", campaign.campaign_id, 60, "campaign"))
    (campaign,) = campaigns.campaigns().values()
    assert (campaign.told, campaign.told_as) == (set(), {})


def test_where_the_signal_is_off_nothing_is_told_of_payments() -> None:
    signals = dict(DEFAULT_POLICY.signals)
    signals["accounts_per_payment"] = replace(signals["accounts_per_payment"], enabled=False)
    campaigns = bench(replace(DEFAULT_POLICY, signals=signals))
    for it in relay():
        campaigns.take(it)
    assert limited(campaigns)
    assert {it.payments for it in of(campaigns, "campaign")} == {()}


def test_the_newest_word_about_a_crowd_counts_and_of_many_the_last_that_were_told_of() -> None:
    crowded = Crowded()
    assert crowded.note(crowd("p", 100, minutes=10))
    assert not crowded.note(crowd("p", 70))
    assert crowded.accounts("p") == 100
    for number in range(MOST_CROWDS):
        assert crowded.note(crowd(f"q{number}", 80, minutes=20))
    assert [crowded.accounts(it) for it in ("p", "q0", f"q{MOST_CROWDS - 1}")] == [0, 80, 80]


def test_what_is_taken_back_leaves_the_limit_as_it_stands() -> None:
    campaigns = taken(*relay())
    join(campaigns, "x", "card")
    before = of(campaigns, "campaign")[-1]
    campaigns.take(crowds=[crowd("card", 500, minutes=90)])
    campaigns.take(said(3, ["stranger"], minutes=100))
    back = of(campaigns, "campaign")[-1]
    assert (back.payments, back.opened_from_ms, back.members) == (("card",), LATEST_MS, ())
    assert (back.action, back.expires_at_ms) == (before.action, before.expires_at_ms)
    assert back.reasons


def test_it_is_taken_back_though_too_few_members_are_left_to_decide_anything() -> None:
    campaigns = taken(*relay())
    join(campaigns, "x", "card")
    hear(campaigns, *(verdict("innocent", f"m{number}", minutes=40) for number in range(12)))
    campaigns.take(crowds=[crowd("card", 500, minutes=50)])
    campaigns.take(said(3, ["stranger"], minutes=60))
    assert [it.payments for it in of(campaigns, "campaign") if it.opened_from_ms == LATEST_MS] == [("card",)]


def test_a_large_card_whose_payers_are_members_stays_named_however_long_ago_they_came() -> None:
    campaigns = taken(*relay())
    names = [f"n{number}" for number in range(30)]
    join(campaigns, names, "card")
    campaigns.take(crowds=[crowd("card", 30, minutes=30)])
    join(campaigns, "z", "another", minutes=9 * 24 * 60)
    assert not [it for it in of(campaigns, "campaign") if it.opened_from_ms == LATEST_MS]


def test_a_release_of_one_of_several_who_pay_so_lasts_until_the_next_decision_that_names_members() -> None:
    campaigns = taken(*relay())
    join(campaigns, "xy", "card")
    hear(campaigns, replace(verdict("innocent", "x", minutes=40), payment_hash="card"))
    join(campaigns, "w", "other", minutes=60)
    assert [it.payments for it in naming(campaigns) if "w" in it.members] == [("card", "other")]


def test_a_crowds_payment_is_taken_back_with_the_decision_that_limits_the_campaign_again() -> None:
    campaigns = taken(*relay())
    join(campaigns, "xy", "card")
    campaigns.take(crowds=[crowd("card", 300, minutes=79 * 60)])
    join(campaigns, ["z"], "another", minutes=80 * 60)
    limited_again, *_ = (it for it in of(campaigns, "campaign") if it.decided_at_ms >= NOON_MS + 80 * HOUR_MS)
    gateway = InForce()
    for it in of(campaigns, "campaign"):
        if it.decided_at_ms <= limited_again.decided_at_ms:
            gateway.take(it)
    innocent = Ask("innocent", payment_hash="card", account_created_at_ms=limited_again.decided_at_ms)
    assert gateway.over_payment(innocent, limited_again.decided_at_ms) is None
