"""campaigns: what accounts send ties them, but nobody who came upon it by chance, and no crowd."""

from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from streams.campaigns import Campaign
from streams.decisions import Decision, Reason, Wording
from streams.events import Capability
from streams.evidence import CampaignView
from streams.findings import Finding, Tied
from streams.fingerprint.keys import Keys
from streams.fingerprint.sketch import Sketcher
from streams.policy import DEFAULT_POLICY
from streams.policy_signals import SIGNALS
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench, bench

SKETCHER = Sketcher(Keys(b"a key for tests!"))
WORDS = "solve problem below write every step reasoning before final answer check once more".split()
SPARE = ("anew", "aloud", "briefly", "calmly", "deeply", "exactly", "fully", "gently", "honestly", "instantly")
OLD_MS, YOUNG_MS = NOON_MS - 900 * DAY_MS, NOON_MS - 20 * DAY_MS


def wording(number: int) -> str | None:
    """The sketch of one wording of the instruction: one word is another each time."""
    return SKETCHER.sketch([*WORDS[:-1], f"{SPARE[number % len(SPARE)]}{number}"])


def said(
    number: int,
    names: Iterable[str],
    *,
    minutes: int = 0,
    uses: int = 1,
    opened_ms: int | None = OLD_MS,
    sketch: str | None = None,
    payment: str | None = None,
    capability: Capability = "reasoning",
) -> Finding:
    """A finding that these accounts sent wording `number`."""
    reason = SIGNALS["accounts_per_template"]
    reasons = (Reason("accounts_per_template", "content", "Accounts.", 9.0, reason.threshold, reason.weight),)
    members = tuple(Tied(name, uses, None, payment or f"own {name}", opened_ms) for name in names)
    return Finding(
        "template", f"t{number}", NOON_MS + minutes * MINUTE_MS, reasons, members, sketch or wording(number), capability
    )


def relay(accounts: int = 12, wordings: int = 10, *, opened_ms: int = YOUNG_MS) -> Iterator[Finding]:
    """Each account sends every second wording."""
    for number in range(wordings):
        names = [f"m{account}" for account in range(accounts) if account % 2 == number % 2]
        yield said(number, names, minutes=number, opened_ms=opened_ms)


def taken(*findings: Finding) -> Bench:
    campaigns = bench(DEFAULT_POLICY)
    for one in findings:
        campaigns.take(one)
    return campaigns


def limited(campaigns: Bench) -> set[str]:
    return {member for decision in of(campaigns, "campaign") for member in decision.members}


def of(campaigns: Bench, kind: str) -> list[Decision]:
    return [decision for decision in campaigns.said("enforcement") if decision.subject_kind == kind]


def view(campaigns: Bench) -> CampaignView:
    """The campaign with the most templates."""
    campaign = max(campaigns.campaigns().values(), key=lambda campaign: len(campaign.templates))
    return campaign.view(campaign.belonging())


def test_accounts_that_share_nothing_but_wordings_of_one_instruction_are_one_campaign() -> None:
    campaigns = taken(*relay())
    assert limited(campaigns) == {f"m{account}" for account in range(12)}
    assert view(campaigns).rewordings == view(campaigns).templates == 10
    assert of(campaigns, "campaign")[-1].action == "challenge"
    assert {reason.signal for reason in of(campaigns, "campaign")[-1].reasons} == {
        "rewordings",
        "accounts_per_template",
        "recent_accounts",
        "extracted_capabilities",
    }


def test_old_accounts_that_share_nothing_but_wordings_of_one_instruction_are_only_watched() -> None:
    """A class that does one exercise over and over asks so too."""
    campaigns = taken(*relay(60, opened_ms=OLD_MS))
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}


def test_accounts_none_of_which_is_older_than_half_a_year_need_no_other_sign_if_they_are_many() -> None:
    few, many = (taken(*relay(accounts, opened_ms=NOON_MS - 150 * DAY_MS)) for accounts in (40, 60))
    assert limited(few) == set()
    assert limited(many) == {f"m{account}" for account in range(60)}


def test_new_accounts_that_pay_together_are_suspended() -> None:
    findings = [said(number, "abcdefghijkl", payment="p", opened_ms=NOON_MS - DAY_MS) for number in range(8)]
    campaigns = taken(*findings)
    (*_, last) = of(campaigns, "campaign")
    assert last.action == "suspend"
    assert {reason.family for reason in last.reasons} == {"content", "identity", "lifecycle", "capability"}


@pytest.mark.parametrize(("payers", "action"), [(2, "throttle"), (3, "suspend")])
def test_a_prompt_that_a_team_shares_whom_one_or_two_instruments_pay_for_does_not_speak_against_it(
    payers: int, action: str
) -> None:
    campaigns = taken()
    for number in range(3):
        for account in range(30):
            card, opened_ms = f"card {account % payers}", NOON_MS - DAY_MS
            campaigns.take(said(number, [f"m{account}"], payment=card, opened_ms=opened_ms, capability="other"))
    (*_, last) = of(campaigns, "campaign")
    assert (last.action, "content" in {reason.family for reason in last.reasons}) == (action, payers == 3)


def test_who_used_one_of_the_wordings_once_is_no_member() -> None:
    campaigns = taken(*relay(60), said(3, ["passer-by"], minutes=30, opened_ms=YOUNG_MS))
    assert "passer-by" not in limited(campaigns)
    campaigns.take(said(4, ["passer-by"], minutes=40, opened_ms=YOUNG_MS))
    assert "passer-by" in limited(campaigns)


@pytest.mark.parametrize(
    ("opened_ms", "payment", "is_member"),
    [(YOUNG_MS, None, False), (NOON_MS + HOUR_MS, None, True), (YOUNG_MS, "own m3", True)],
    ids=["opened before", "opened after the campaign was found", "paid by a member"],
)
def test_one_wording_is_enough_of_an_account_that_walks_in_the_tracks_of_a_campaign(
    opened_ms: int, payment: str | None, is_member: bool
) -> None:
    late = said(3, ["late"], minutes=120, opened_ms=opened_ms, payment=payment)
    assert ("late" in limited(taken(*relay(60), late))) is is_member


def test_a_wording_that_a_crowd_comes_upon_each_once_ties_nobody() -> None:
    crowd = [said(number, [f"{number} {name}" for name in range(60)], minutes=20 + number) for number in range(10)]
    campaigns = taken(*crowd, said(2, "xyz", minutes=50), said(3, "xyz", minutes=51))
    assert view(campaigns).returning < 0.01
    assert of(campaigns, "campaign") == []


def test_a_crowd_of_which_a_few_return_each_week_ties_nobody_however_many_weeks_pass() -> None:
    campaigns = taken()
    for week in range(8):
        names = [f"{week} {name}" for name in range(30)]
        for number in range(10):
            minutes = week * 8 * 24 * 60 + number
            returning = names[:4] if number == 9 else []
            campaigns.take(said(number, [*names[3 * number : 3 * number + 3], *returning], minutes=minutes))
    assert view(campaigns).accounts > 7 * 3
    assert view(campaigns).returning < 0.25
    assert of(campaigns, "campaign") == []


def test_a_campaign_that_was_found_stays_found_though_a_crowd_comes_upon_its_wordings_later() -> None:
    weeks = 8 * 24 * 60
    campaigns = taken(*relay(), *[said(number, [f"late {number}"], minutes=weeks + number) for number in range(10)])
    assert view(campaigns).returning > 0.5


def test_what_lent_accounts_share_with_ordinary_customers_makes_nobody_a_member() -> None:
    """Though most who were seen with these templates are members: no wordings of the campaign's, they stay apart."""
    campaigns = taken(*relay())
    for number, words in ((50, "weather three cities tomorrow"), (51, "recipe lentil soup garlic")):
        campaigns.take(said(number, ["m1", "m2", "m3", "customer"], minutes=20, sketch=SKETCHER.sketch(words.split())))
    assert view(campaigns).templates == 10
    assert len(campaigns.campaigns()) == 3
    assert "customer" not in limited(campaigns)


def test_a_list_of_questions_that_goes_round_among_customers_is_no_campaign() -> None:
    """Everybody asks several of them, a few look alike, and some of those who ask pay together."""
    names = [f"n{number}" for number in range(40)]
    campaigns = taken()
    for number in range(30):
        alike = wording(number) if number < 9 else SKETCHER.sketch([f"{number} {word}" for word in WORDS])
        campaigns.take(said(number, names[number : number + 9], sketch=alike, capability="other"))
    office = Reason("accounts_per_payment", "identity", "Pay together.", 6.0, 5.0, 3.5)
    campaigns.take(Finding("payment", "office", NOON_MS, (office,), tuple(map(Tied, names[:6]))))
    assert view(campaigns).rewordings >= 8
    assert limited(campaigns) == set()


def test_an_attacker_who_copies_the_prompt_of_a_crowd_drags_nobody_in() -> None:
    """Even of those who use it every day: it is one template of theirs, and the attacker's wordings are many."""
    crowd = [f"user {number}" for number in range(30)]
    campaigns = taken(said(0, crowd), said(0, crowd, minutes=1, uses=4))
    for one in relay(60):
        campaigns.take(one)
    assert limited(campaigns) == {f"m{account}" for account in range(60)}


def test_one_fixed_prompt_again_and_again_from_many_new_accounts_is_a_campaign() -> None:
    opened_ms = NOON_MS - 20 * DAY_MS
    for accounts in (20, 30):
        names = [f"n{number}" for number in range(accounts)]
        once, again = said(0, names, opened_ms=opened_ms), said(0, names, minutes=1, uses=4, opened_ms=opened_ms)
        assert limited(taken(once)) == set()
        assert limited(taken(once, again)) == ({*names} if accounts == 30 else set())


def test_the_users_of_a_plug_in_with_two_versions_of_its_prompt_are_only_watched() -> None:
    names = [f"n{number}" for number in range(40)]
    findings = [said(number, names, minutes=number, uses=uses) for number in (0, 1) for uses in (1, 4)]
    campaigns = taken(*findings)
    assert view(campaigns).accounts == 40
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}


def test_who_used_a_template_a_week_ago_has_not_returned_to_another() -> None:
    campaigns = taken(*relay(), said(3, ["seldom"], minutes=30), said(4, ["seldom"], minutes=30 + 8 * 24 * 60))
    assert "seldom" not in limited(campaigns)


def test_who_came_upon_a_template_is_forgotten_after_a_week_and_a_member_is_not() -> None:
    campaigns = taken(*relay(), said(3, ["passer-by"], minutes=30), said(4, "xyz", minutes=8 * 24 * 60))
    (campaign,) = campaigns.campaigns().values()
    assert campaign.seen.keys() == {*(f"m{account}" for account in range(12)), *"xyz"}


def test_the_wordings_of_a_campaign_are_limited_themselves_whoever_sends_them() -> None:
    campaigns = taken(*relay(), *relay())
    for number in range(10):
        campaigns.take(said(number, [f"m{12 + 2 * number}", f"m{13 + 2 * number}"], minutes=100 + number))
    links = of(campaigns, "network")
    assert {decision.subject_id for decision in links} <= {f"template:t{number}" for number in range(10)}
    assert links
    (campaign_id,) = {decision.campaign_id for decision in links}
    assert campaign_id in campaigns.campaigns()
    assert {decision.action for decision in links} <= {"throttle", "challenge"}
    assert all((decision.limits is not None) is (decision.action == "throttle") for decision in links)
    assert all(decision.expires_at_ms > decision.decided_at_ms for decision in links)
    assert all(decision.members == () for decision in links)


def test_a_template_stays_limited_for_a_week_and_half_way_it_is_said_again() -> None:
    """A campaign that lost its accounts comes back with what it sent before."""
    campaigns = taken(*relay())
    first = next(decision for decision in of(campaigns, "network") if decision.subject_id == "template:t9")
    assert first.expires_at_ms - first.decided_at_ms == 7 * DAY_MS
    said_ms = []
    for hours in (80, 90):
        campaigns.take(said(9, [f"late {hours}"], minutes=hours * 60, opened_ms=NOON_MS + DAY_MS))
        last = [decision for decision in of(campaigns, "network") if decision.subject_id == "template:t9"][-1]
        assert last.expires_at_ms - last.decided_at_ms == 7 * DAY_MS
        said_ms.append(last.decided_at_ms)
    assert said_ms == [first.decided_at_ms, NOON_MS + 90 * HOUR_MS]


def test_a_payment_instrument_is_not_limited_itself_though_all_who_pay_with_it_are_new() -> None:
    """No gateway could tell: only a template is seen in a request."""
    findings = [said(number, "abcdefghijkl", payment="p", opened_ms=YOUNG_MS) for number in range(8)]
    payers = tuple(Tied(name, 9, None, "p", YOUNG_MS) for name in "abcdefghijkl")
    office = Reason("accounts_per_payment", "identity", "Pay together.", 12.0, 5.0, 3.5)
    campaigns = taken(*findings, Finding("payment", "p", NOON_MS, (office,), payers))
    assert of(campaigns, "campaign")[-1].action == "suspend"
    assert all(decision.subject_id.startswith("template:") for decision in of(campaigns, "network"))


def test_of_so_many_wordings_some_are_limited_in_other_words_and_later_ones_once_those_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.stages.campaign_templates.MOST_WORDED", 2)
    week = 8 * 24 * 60
    campaigns = taken(*relay(30))
    for number in range(20, 30):
        names = [f"m{account}" for account in range(30) if account % 2 == number % 2]
        campaigns.take(said(number, names, minutes=week + number, opened_ms=YOUNG_MS))
    worded = [it for it in of(campaigns, "network") if it.wording is not None]
    first = {it.subject_id for it in worded if it.decided_at_ms < NOON_MS + DAY_MS}
    assert (len(first), len({it.subject_id for it in worded} - first)) == (2, 2)


def test_a_wording_that_mostly_others_use_is_not_limited() -> None:
    campaigns = taken(said(3, [f"user {number}" for number in range(80)]), *relay(60))
    campaigns.take(said(3, ["m61", "m63"], minutes=40))
    assert of(campaigns, "network")
    assert "template:t3" not in {decision.subject_id for decision in of(campaigns, "network")}


def test_what_says_the_same_as_a_limited_template_is_limited_with_it() -> None:
    campaigns = taken(*relay(60))
    worded = {decision.subject_id: decision.wording for decision in of(campaigns, "network")}
    assert worded
    for number in range(10):
        assert worded.get(f"template:t{number}", Wording(wording(number) or "", 0.5)) == Wording(
            wording(number) or "", 0.5
        )


def once_each(opened_ms: int = YOUNG_MS, capability: Capability = "reasoning") -> Iterator[Finding]:
    """Ten wordings, each from eight accounts of its own."""
    for number in range(10):
        names = [f"{number} {name}" for name in "abcdefgh"]
        yield said(number, names, minutes=number, opened_ms=opened_ms, capability=capability)


def test_wordings_that_new_accounts_alone_send_are_limited_though_none_of_them_returned_and_nobody_is_named() -> None:
    campaigns = taken(*once_each())
    assert view(campaigns).accounts == 0
    assert limited(campaigns) == set()
    assert {decision.action for decision in of(campaigns, "campaign")} == {"throttle"}
    assert {decision.subject_id for decision in of(campaigns, "network")} == {f"template:t{n}" for n in range(10)}
    assert all(decision.wording for decision in of(campaigns, "network"))


@pytest.mark.parametrize(
    ("opened_ms", "capability"), [(OLD_MS, "reasoning"), (YOUNG_MS, "other")], ids=["old accounts", "a recipe"]
)
def test_a_prompt_that_spreads_among_many_who_send_it_once_is_not_limited(
    opened_ms: int, capability: Capability
) -> None:
    assert of(taken(*once_each(opened_ms, capability)), "network") == []


def test_few_of_them_who_returned_are_not_named_either_nor_is_who_comes_later() -> None:
    later_ms = NOON_MS + HOUR_MS
    back = said(1, ["0 a", "0 b", "0 c"], minutes=15, opened_ms=YOUNG_MS)
    late = said(2, ["late"], minutes=90, opened_ms=later_ms)
    campaigns = taken(*once_each(), back, late)
    assert view(campaigns).accounts == 3
    assert limited(campaigns) == set()


def test_of_few_words_it_is_not_said_what_else_is_limited() -> None:
    few = [SKETCHER.sketch([*"grade this answer strictly please now".split(), f"w{number}"]) for number in range(10)]
    campaigns = taken()
    for number, sketch in enumerate(few):
        for again in (1, 2):
            names = [f"m{account}" for account in range(40)]
            campaigns.take(said(number, names, minutes=number * again, opened_ms=YOUNG_MS, sketch=sketch))
    assert {decision.wording for decision in of(campaigns, "network")} == {None}


def test_what_a_crowd_says_in_similar_words_is_not_limited_with_a_campaigns_templates() -> None:
    """And where the crowd comes later, what was said before is taken back at once."""
    campaigns = taken(*relay(60))
    last = {decision.subject_id: decision for decision in of(campaigns, "network")}
    assert all(decision.wording for decision in last.values())
    crowd = said(77, [f"user {number}" for number in range(80)], minutes=30)
    campaigns.take(crowd)
    last = {decision.subject_id: decision for decision in of(campaigns, "network")}
    assert {decision.wording for decision in last.values()} == {None}
    assert {decision.action for decision in last.values()} <= {"throttle", "challenge"}


@pytest.mark.parametrize("minutes", [30, 90], ids=["while they are in use", "an hour after"])
def test_a_template_is_let_go_as_soon_as_a_crowd_uses_it_and_of_the_others_their_wordings(minutes: int) -> None:
    campaigns = taken(*relay(60))
    before = {decision.subject_id: decision for decision in of(campaigns, "network")}
    assert before["template:t3"].wording
    campaigns.take(said(3, [f"user {number}" for number in range(300)], minutes=minutes))
    after = {decision.subject_id: decision for decision in of(campaigns, "network")}
    assert {decision.wording for decision in after.values()} == {None}
    assert after.pop("template:t3").action == "release"
    for name, decision in after.items():
        assert decision.action == before[name].action
        assert decision.expires_at_ms == before[name].expires_at_ms


@pytest.mark.parametrize("lent", [True, False], ids=["lent accounts pay", "customers pay"])
def test_what_a_payment_says_of_some_is_not_said_of_a_crowd_that_asks_what_they_ask(*, lent: bool) -> None:
    """Ordinary customers ask near-duplicates out of one list; so do the accounts that a reseller lends them."""
    questions = [
        SKETCHER.sketch([*"book cheapest car weekend airport".split(), f"city{number}"]) for number in range(12)
    ]
    customers = [f"customer {number}" for number in range(40)]
    payers = {f"m{account}": f"shared {account // 4}" for account in range(24)}
    campaigns = taken()
    for number in range(12):
        for account, payment in payers.items():
            campaigns.take(said(number, [account], minutes=number, opened_ms=NOON_MS - DAY_MS, payment=payment))
    for number, sketch in enumerate(questions):
        asked = customers[number : number + 20]
        campaigns.take(said(100 + number, asked, minutes=30, sketch=sketch, capability="coding"))
        for account, payment in list(payers.items())[:8] if lent else ():
            one = said(100 + number, [account], minutes=31, opened_ms=NOON_MS - DAY_MS, payment=payment, sketch=sketch)
            campaigns.take(one)
    assert len(campaigns.campaigns()) == 2
    assert limited(campaigns) == {*payers}


def test_of_two_limited_campaigns_that_share_a_tenth_of_their_accounts_the_older_takes_the_other_in() -> None:
    other = [SKETCHER.sketch([*"grade answer strict rubric points".split(), f"way{number}"]) for number in range(8)]
    fresh_ms, others = NOON_MS - DAY_MS, [f"n{number}" for number in range(20)]
    campaigns = taken(*relay(20, opened_ms=fresh_ms))
    for number, sketch in enumerate(other):
        campaigns.take(said(100 + number, others, minutes=20 + number, sketch=sketch, opened_ms=fresh_ms))
    assert len(campaigns.campaigns()) == 2
    campaigns.take(said(100, ["m0"], minutes=40, sketch=other[0], opened_ms=fresh_ms))
    assert len(campaigns.campaigns()) == 2
    campaigns.take(said(101, ["m1"], minutes=41, sketch=other[1], opened_ms=fresh_ms))
    assert len(campaigns.campaigns()) == 1
    assert limited(campaigns) >= {*others, *(f"m{account}" for account in range(20))}


def test_an_account_has_one_campaign_though_two_have_seen_it() -> None:
    campaigns = taken(*relay(), said(100, ["m1", "x", "y"], sketch=SKETCHER.sketch("quite another matter".split())))
    homes = [campaign for campaign in campaigns.campaigns().values() if "m1" in campaign.members]
    assert len(homes) == 1
    assert isinstance(homes[0], Campaign)


def test_a_few_young_accounts_are_no_sure_sign_of_many() -> None:
    young = NOON_MS - 20 * DAY_MS
    few, many = ([said(number, names, opened_ms=young) for number in (0, 1)] for names in ("abcdefgh", "abcdefghijkl"))
    assert view(taken(*few)).recent < SIGNALS["recent_accounts"].threshold < view(taken(*many)).recent


def aged(accounts: int = 60) -> Iterator[Finding]:
    """A relay whose accounts are a year old but for a few, and that pays together: found all the same."""
    names = [f"m{account}" for account in range(accounts)]
    for number in range(10):
        yield said(number, names, minutes=number, opened_ms=NOON_MS - 365 * DAY_MS, payment="p")
    office = Reason("accounts_per_payment", "identity", "Pay together.", 12.0, 5.0, 3.5)
    payers = tuple(Tied(name, 9, None, "p", NOON_MS - 365 * DAY_MS) for name in names)
    yield Finding("payment", "p", NOON_MS + 10 * MINUTE_MS, (office,), payers)
    yield said(3, names, minutes=11, opened_ms=NOON_MS - 365 * DAY_MS, payment="p", uses=4)


def test_a_crowd_has_its_template_back_at_once_though_it_leaves_nothing_to_say_of_the_campaign() -> None:
    campaigns = taken(*aged())
    before = {it.subject_id: it.action for it in of(campaigns, "network")}
    assert before
    for number in range(10):
        campaigns.take(said(number, [f"user {number} {name}" for name in range(300)], minutes=30 + number))
    after = {it.subject_id: it.action for it in of(campaigns, "network")}
    assert after == dict.fromkeys(before, "release")


def test_a_crowd_has_its_template_back_from_a_campaign_of_which_nobody_was_named() -> None:
    campaigns = taken(*once_each())
    assert limited(campaigns) == set()
    campaigns.take(said(3, [f"user {number}" for number in range(30)], minutes=60))
    after = {it.subject_id: it.action for it in of(campaigns, "network")}
    assert after.pop("template:t3") == "release"
    assert {*after.values()} == {"throttle"}


def test_a_template_that_was_let_go_is_not_limited_again_for_a_day_however_its_users_turn() -> None:
    campaigns = taken(*relay(60))
    campaigns.take(said(3, [f"user {number}" for number in range(300)], minutes=30))
    spoken = len([it for it in of(campaigns, "network") if it.subject_id == "template:t3"])
    campaigns.take(said(3, [f"new {number}" for number in range(3_000)], minutes=31, opened_ms=NOON_MS + HOUR_MS))
    assert len([it for it in of(campaigns, "network") if it.subject_id == "template:t3"]) == spoken


def test_what_was_decided_in_shadow_is_said_again_once_it_counts() -> None:
    shadow = bench(replace(DEFAULT_POLICY, shadow=True))
    for one in relay():
        shadow.take(one)
    assert {it.shadow for it in of(shadow, "network")} == {True}
    live = bench(DEFAULT_POLICY)
    live.states.held.update(shadow.states.held)
    live.take(said(9, ["late"], minutes=20, opened_ms=NOON_MS + DAY_MS))
    assert {(it.subject_id, it.shadow) for it in of(live, "network")} >= {("template:t9", False)}
    assert [(it.action, it.shadow) for it in of(live, "campaign")] == [(of(shadow, "campaign")[-1].action, False)]


def test_templates_are_limited_no_longer_than_the_evidence_deserves() -> None:
    """Its accounts grow older than new ones are, and then there is too little: what stands ends, with its templates."""
    campaigns = taken(*relay(opened_ms=NOON_MS - 60 * DAY_MS + 80 * HOUR_MS))
    for hours in range(3, 99, 3):
        for wording_number in range(10):
            campaigns.take(said(wording_number, [], minutes=60 * hours + wording_number))
    later = [it for it in of(campaigns, "network") if it.decided_at_ms > NOON_MS + 81 * HOUR_MS]
    assert {it.action for it in later} == {"release"}
    assert {it.subject_id for it in later} == {f"template:t{number}" for number in range(10)}
