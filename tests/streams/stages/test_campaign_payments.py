"""campaigns: how members pay is told with them, for accounts that are opened later, and not what a crowd pays with."""

from collections.abc import Iterable

from msgspec.structs import replace

from streams.decisions import Decision
from streams.findings import Crowd
from streams.stages.campaign_payments import Crowded
from streams.windows import MINUTE_MS
from tests.streams.stages.test_campaigns_by_template import OLD_MS, YOUNG_MS, limited, of, relay, said, taken
from tests.streams.stages.test_campaigns_feedback import hear, verdict
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench, bench, finding


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
    campaigns.take(crowds=[crowd("placeholder", 300), crowd("card", 64)])
    join(campaigns, "x", "placeholder")
    names = [f"n{number}" for number in range(32)]
    join(campaigns, names, "card", minutes=40)
    told = [(it.payments, len(it.members)) for it in naming(campaigns) if {"x", "n0"} & {*it.members}]
    assert told == [((), 1), (("card",), 32)]


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
    hear(campaigns, verdict("innocent", "x", minutes=40))
    join(campaigns, "y", "card", minutes=60)
    assert [it.payments for it in naming(campaigns) if "y" in it.members] == [("card",)]


def test_the_newest_word_about_a_crowd_counts_and_is_forgotten_after_four_weeks() -> None:
    crowded = Crowded()
    assert crowded.note(crowd("p", 100, minutes=10))
    assert not crowded.note(crowd("p", 70))
    assert crowded.accounts("p") == 100
    assert crowded.note(crowd("q", 80, minutes=29 * 24 * 60))
    assert (crowded.accounts("p"), crowded.accounts("q")) == (0, 80)
