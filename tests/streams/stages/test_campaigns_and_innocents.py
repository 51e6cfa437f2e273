"""campaigns: what most accounts of a campaign do makes nobody guilty who only came near it."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from streams.decisions import Reason
from streams.enforcement import Ask, InForce
from streams.findings import Finding, Tied
from streams.policy_signals import SIGNALS
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_by_template import (
    OLD_MS,
    SKETCHER,
    YOUNG_MS,
    limited,
    of,
    relay,
    said,
    taken,
    wording,
)
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench

A_DAY = 24 * 60
LENT = [f"m{number}" for number in range(60)]
LASAGNE = SKETCHER.sketch("recipe vegetarian lasagne spinach ricotta serve eight guests sunday".split())
LETTER = SKETCHER.sketch("rewrite cover letter marketing manager position friendly shorter paragraphs bullet".split())

ATTACK = "solve problem below write every step reasoning before final answer check once".split()
PLUGIN = "refactor python function readable docstring typing tests naming helper module".split()
NEAR_THE_ATTACK = SKETCHER.sketch(PLUGIN[:6] + ATTACK[:10])
BETWEEN = SKETCHER.sketch(PLUGIN[:9] + ATTACK[:7])
"""Like the attack's wordings and like each other; the second also like the plug-in's."""


def sent(number: int, names: Iterable[str], minutes: int, sketch: str | None, opened_ms: int = OLD_MS) -> Finding:
    """An ordinary template that accounts of a campaign send too, which are new."""
    found = said(number, names, minutes=minutes, sketch=sketch, opened_ms=opened_ms, capability="other")
    return replace(found, members=tuple(_lent(tied) if tied.account_id in LENT else tied for tied in found.members))


def _lent(tied: Tied) -> Tied:
    return replace(tied, created_at_ms=YOUNG_MS)


def templates(campaigns: Bench) -> set[str]:
    return {it.subject_id for it in of(campaigns, "network")}


def gateway_of(campaigns: Bench) -> InForce:
    gateway = InForce()
    for decision in campaigns.said("enforcement"):
        gateway.take(decision)
    return gateway


def stopped(campaigns: Bench, names: Iterable[str], minutes: int) -> set[str]:
    """Those whom a gateway refuses then."""
    gateway = gateway_of(campaigns)
    return {it for it in names if gateway.over_account(it, NOON_MS + minutes * MINUTE_MS) is not None}


@pytest.mark.parametrize(("opened_ms", "is_limited"), [(OLD_MS, False), (YOUNG_MS, True)])
def test_that_its_accounts_are_new_does_not_speak_of_an_old_one(opened_ms: int, is_limited: bool) -> None:
    campaigns = taken(*relay(60))
    for number, sketch in ((100, LASAGNE), (101, LETTER)):
        campaigns.take(sent(number, LENT, 20 + number, sketch))
        campaigns.take(sent(number, ["customer"], 30 + number, sketch, opened_ms))
    assert {*LENT} <= limited(campaigns)
    assert ("customer" in limited(campaigns)) is is_limited


def test_when_those_on_one_card_are_active_does_not_speak_of_who_pays_otherwise() -> None:
    together = Reason("synchrony", "rhythm", "Together.", 0.9, 0.8, 1.5)
    of_a_card = paid(LENT[:30], 15)
    campaigns = taken(*relay(60), replace(of_a_card, reasons=(*of_a_card.reasons, together)))
    for number, sketch in ((100, LASAGNE), (101, LETTER)):
        campaigns.take(sent(number, LENT, 20 + number, sketch))
        campaigns.take(sent(number, ["customer"], 30 + number, sketch))
    assert {*LENT} <= limited(campaigns)
    assert "customer" not in limited(campaigns)


def test_one_customer_who_says_it_again_and_again_does_not_have_a_template_limited_for_everybody() -> None:
    campaigns = taken(*relay(60), sent(100, LENT, 20, LASAGNE), sent(100, ["customer"], 30, LASAGNE))
    again = sent(100, ["customer"], 70, LASAGNE)
    campaigns.take(replace(again, members=tuple(replace(it, uses=4) for it in again.members)))
    assert "template:t100" not in templates(campaigns)
    assert "customer" not in limited(campaigns)


@pytest.mark.parametrize(("days", "is_member"), [(1, True), (7, True), (8, False), (60, False)])
def test_who_was_opened_since_a_campaign_was_found_walks_in_its_tracks_for_a_week(days: int, is_member: bool) -> None:
    campaigns = taken(*relay(60))
    opened_ms = NOON_MS + HOUR_MS
    campaigns.take(said(3, ["late"], minutes=60 + days * A_DAY, opened_ms=opened_ms))
    assert ("late" in limited(campaigns)) is is_member


def test_who_walks_in_its_tracks_is_a_member_also_when_it_is_seen_again_later() -> None:
    campaigns = taken(*relay(60))
    for days in (1, 9, 17):
        campaigns.take(said(3, ["late"], minutes=60 + days * A_DAY, uses=days, opened_ms=NOON_MS + HOUR_MS))
        (campaign,) = campaigns.campaigns().values()
        assert "late" in campaign.belonging()


def paid(names: Iterable[str], minutes: int) -> Finding:
    """A finding of who pays with a reseller's instrument."""
    signal = SIGNALS["accounts_per_payment"]
    reasons = (Reason("accounts_per_payment", "identity", "Accounts.", 100.0, signal.threshold, signal.weight),)
    paying = tuple(Tied(name, 9, None, "a reseller", OLD_MS) for name in names)
    return Finding("payment", "a reseller", NOON_MS + minutes * MINUTE_MS, reasons, paying)


@pytest.mark.parametrize(("theirs", "is_dragged"), [(20, False), (30, True)])
def test_a_payment_of_many_of_whom_some_are_a_campaigns_makes_no_members(theirs: int, is_dragged: bool) -> None:
    others = [f"customer {number}" for number in range(100 - theirs)]
    campaigns = taken(*relay(60), paid([*LENT[:theirs], *others], 20))
    assert {*others} & limited(campaigns) == ({*others} if is_dragged else set())


@pytest.mark.parametrize("is_older", [True, False])
def test_two_wordings_between_a_campaign_and_a_plug_in_do_not_have_its_users_limited(is_older: bool) -> None:
    users = [f"user {number}" for number in range(40)]
    versions = [
        said(500 + it, users, minutes=0 if is_older else 30, sketch=SKETCHER.sketch([*PLUGIN, f"version {it}"]))
        for it in range(2)
    ]
    attack = [replace(it, as_of_ms=it.as_of_ms + 10 * MINUTE_MS) for it in relay(400)]
    campaigns = taken(*versions, *attack) if is_older else taken(*attack, *versions)
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=60 + number, sketch=sketch))
    assert not stopped(campaigns, users, 980)
    assert not templates(campaigns) & {"template:t500", "template:t501"}


@pytest.mark.parametrize("is_older", [True, False])
def test_two_wordings_between_a_campaign_and_a_crowd_do_not_let_it_go(is_older: bool) -> None:
    passers_by = said(500, [f"user {number}" for number in range(300)], sketch=SKETCHER.sketch(PLUGIN))
    passers_by = passers_by if is_older else replace(passers_by, as_of_ms=NOON_MS + 30 * MINUTE_MS)
    attack = [on_cards(replace(it, as_of_ms=it.as_of_ms + 10 * MINUTE_MS)) for it in relay(60, opened_ms=OLD_MS)]
    campaigns = taken(passers_by, *attack) if is_older else taken(*attack, passers_by)
    assert stopped(campaigns, LENT, 55) == {*LENT}
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=number - 840, sketch=sketch))
    assert stopped(campaigns, LENT, 75) == {*LENT}


@pytest.mark.parametrize("lent", [0, 40])
def test_a_campaign_that_lends_accounts_to_a_crowd_of_others_stays_limited(lent: int) -> None:
    users = [f"user {number}" for number in range(300)]
    crowd = said(500, [*users, *LENT[:lent]], sketch=SKETCHER.sketch(PLUGIN))
    attack = [on_cards(replace(it, as_of_ms=it.as_of_ms + 10 * MINUTE_MS)) for it in relay(60, opened_ms=OLD_MS)]
    campaigns = taken(crowd, *attack)
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=number - 840, sketch=sketch))
    for hours in range(2, 50, 2):
        for found in attack:
            campaigns.take(replace(found, as_of_ms=found.as_of_ms + hours * HOUR_MS))
    assert stopped(campaigns, [*LENT, *users], 48 * 60) == {*LENT}
    assert gateway_of(campaigns).limits_payment("card 7", NOON_MS + 2 * DAY_MS)
    assert "template:t500" not in templates(campaigns)
    assert templates(campaigns) & {"template:t900", "template:t901"}


@pytest.mark.parametrize("opened_ms", [OLD_MS, None])
def test_the_next_version_of_a_plug_in_is_its_own_whatever_else_resembles_it(opened_ms: int | None) -> None:
    users = [f"user {number}" for number in range(40)]
    sketches = [SKETCHER.sketch([*PLUGIN, f"version {it}"]) for it in range(4)]
    versions = [
        replace(said(500 + it, users, sketch=sketches[it], opened_ms=opened_ms), as_of_ms=NOON_MS + at_ms)
        for it, at_ms in enumerate((0, 0, 5 * HOUR_MS, 6 * HOUR_MS))
    ]
    attack = [replace(it, as_of_ms=it.as_of_ms + 10 * MINUTE_MS) for it in relay(400)]
    campaigns = taken(*versions[:2], *attack)
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=number - 840, sketch=sketch))
    for version in versions[2:]:
        campaigns.take(version)
    assert not stopped(campaigns, users, 6 * 60 + 1)
    assert not templates(campaigns) & {f"template:t{500 + it}" for it in range(4)}


def test_a_campaign_too_small_to_name_anybody_is_not_let_go_by_words_between_it_and_a_crowd() -> None:
    attack = [said(it, [f"n{it}-{at}" for at in range(5)], minutes=10 + it, opened_ms=YOUNG_MS) for it in range(10)]
    users = [f"user {number}" for number in range(300)]
    campaigns = taken(said(500, users, sketch=SKETCHER.sketch(PLUGIN), capability="other"), *attack)
    assert templates(campaigns)
    assert not limited(campaigns)
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=number - 840, sketch=sketch))
    for hours in range(2, 26, 2):
        for found in attack:
            campaigns.take(replace(found, as_of_ms=found.as_of_ms + hours * HOUR_MS))
    asked = Ask("someone new", "t3")
    assert gateway_of(campaigns).over_request(asked, NOON_MS + DAY_MS + 25 * MINUTE_MS) is not None


@pytest.mark.parametrize("lent", [0, 9])
def test_what_members_send_that_were_lent_to_a_crowd_is_the_campaigns(lent: int) -> None:
    names = [*[f"user {number}" for number in range(300)], *LENT[:lent]]
    crowd = said(500, names, sketch=SKETCHER.sketch(PLUGIN), capability="other")
    attack = [on_cards(replace(it, as_of_ms=it.as_of_ms + 10 * MINUTE_MS)) for it in relay(60, opened_ms=OLD_MS)]
    campaigns = taken(crowd, *attack, said(900, LENT[20:24], minutes=60, sketch=NEAR_THE_ATTACK))
    campaigns.take(said(901, LENT[:9], minutes=70, sketch=BETWEEN))
    pool = [f"p{number}" for number in range(300)]
    opened_ms = NOON_MS + HOUR_MS
    campaigns.take(said(901, pool, minutes=150, sketch=BETWEEN, opened_ms=opened_ms, payment="another card"))
    assert stopped(campaigns, pool, 155) == {*pool}


@pytest.mark.parametrize("days", [0, 8])
def test_a_crowd_is_no_smaller_for_being_forgotten(days: int) -> None:
    wait, tool = days * A_DAY, SKETCHER.sketch(PLUGIN)
    attack = [
        on_cards(replace(it, as_of_ms=it.as_of_ms + (10 + wait) * MINUTE_MS)) for it in relay(60, opened_ms=OLD_MS)
    ]
    campaigns = taken(said(500, [f"user {it}" for it in range(300)], sketch=tool, capability="other"), *attack)
    campaigns.take(said(500, ["another", *LENT[:2]], minutes=30 + wait, sketch=tool, capability="other"))
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=number - 840 + wait, sketch=sketch))
    later = [f"next user {number}" for number in range(300)]
    campaigns.take(said(500, later, minutes=80 + wait, sketch=tool, capability="other"))
    for hours in range(2, 26, 2):
        for found in attack:
            campaigns.take(replace(found, as_of_ms=found.as_of_ms + hours * HOUR_MS))
    assert stopped(campaigns, LENT, A_DAY + wait) == {*LENT}


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_payment_belongs_to_the_campaign_of_most_who_pay_so_in_whatever_order_they_are_told(is_turned: bool) -> None:
    cooks, writers = [f"a{number}" for number in range(8)], [f"b{number}" for number in range(8)]
    campaigns = taken(
        said(400, cooks, uses=4, sketch=LASAGNE, capability="other"),
        said(401, writers, uses=4, sketch=LETTER, capability="other"),
    )
    payers = [*cooks[:2], *writers[:6]]
    campaigns.take(paid(payers[::-1] if is_turned else payers, 10))
    links = {frozenset(it.links) for it in campaigns.campaigns().values()}
    assert links == {frozenset({"template:t400"}), frozenset({"template:t401", "payment:a reseller"})}


def test_who_is_not_limited_any_more_is_not_limited_anew_with_a_campaign_of_like_words() -> None:
    team = [f"p{number}" for number in range(40)]
    campaigns = taken(*_versions(PLUGIN, team, "office", OLD_MS))
    assert stopped(campaigns, team, 15) == {*team}
    more = [f"user {number}" for number in range(400)]
    campaigns.take(said(500, more, minutes=20, sketch=SKETCHER.sketch([*PLUGIN, "version 0"])))
    campaigns.take(said(501, ["another"], minutes=790, sketch=SKETCHER.sketch([*PLUGIN, "version 1"])))
    assert not stopped(campaigns, team, 800)
    for found in relay(60, opened_ms=OLD_MS):
        campaigns.take(on_cards(replace(found, as_of_ms=found.as_of_ms + 900 * MINUTE_MS)))
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=number + 30, sketch=sketch))
    assert stopped(campaigns, [*LENT, *team], 935) == {*LENT}


@pytest.mark.parametrize("pool", [12, 40])
def test_a_pool_that_pays_with_a_campaigns_card_is_joined_to_it_however_many_the_campaign_has(pool: int) -> None:
    words = "translate contract clause german plain english keep numbering mark doubtful terms list".split()
    accounts = [f"g{number}" for number in range(pool)]
    campaigns = taken(*relay(60), paid(LENT[:20], 20), *_versions(words, accounts, "cards", YOUNG_MS, minutes=30))
    assert len(campaigns.campaigns()) == 2
    campaigns.take(paid(accounts, 60))
    assert [len(it.members) for it in campaigns.campaigns().values()] == [60 + pool]


def test_a_new_pool_is_not_lost_to_a_crowd_of_decoys_by_one_of_them() -> None:
    like_a_tool = SKETCHER.sketch([*PLUGIN, "version 0"])
    decoys = said(500, [f"d{number}" for number in range(9)], sketch=like_a_tool, capability="other")
    attack = [replace(it, as_of_ms=it.as_of_ms + 10 * MINUTE_MS) for it in relay(60)]
    campaigns = taken(decoys, *attack)
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, LENT[:3], minutes=number - 840, sketch=sketch, opened_ms=YOUNG_MS))
    pool = [f"p{number}" for number in range(300)]
    again = SKETCHER.sketch([*PLUGIN[:9], *ATTACK[:7], "extra0"])
    first = said(1000, ["d0", *pool[:7]], minutes=120, sketch=again, opened_ms=NOON_MS + HOUR_MS)
    campaigns.take(first)
    campaigns.take(said(1000, pool[7:], minutes=150, sketch=again, opened_ms=NOON_MS + HOUR_MS))
    assert stopped(campaigns, pool, 155) == {*pool}


def test_a_second_pool_days_later_is_joined_to_the_first_whose_limit_is_over() -> None:
    campaigns = taken(*relay(60), said(900, LENT[:30], minutes=15, sketch=NEAR_THE_ATTACK, opened_ms=YOUNG_MS))
    pool = [f"g{number}" for number in range(60)]
    later, opened_ms = 2 * A_DAY, NOON_MS + DAY_MS
    for found in _versions(PLUGIN, pool, "cards", opened_ms, minutes=later):
        campaigns.take(found)
    assert len(campaigns.campaigns()) == 2
    campaigns.take(said(901, pool[:30], minutes=later + 60, sketch=BETWEEN, opened_ms=opened_ms))
    assert [len(it.members) for it in campaigns.campaigns().values()] == [120]


def test_a_crowd_stays_one_though_all_but_one_of_it_are_at_home_elsewhere_and_forgotten() -> None:
    users = [f"user {number}" for number in range(40)]
    plugin = SKETCHER.sketch([*PLUGIN, "version 0"])
    campaigns = taken(
        said(400, users, uses=4, sketch=LASAGNE, capability="other"),
        said(500, users, uses=4, minutes=5, sketch=plugin, capability="other"),
        said(500, ["another"], minutes=8 * A_DAY, sketch=plugin, capability="other"),
    )
    for found in relay(60, opened_ms=NOON_MS + 7 * DAY_MS):
        campaigns.take(replace(found, as_of_ms=found.as_of_ms + 8 * DAY_MS + 10 * MINUTE_MS))
    for number, sketch in ((900, NEAR_THE_ATTACK), (901, BETWEEN)):
        campaigns.take(said(number, ["x", "y", "z"], minutes=8 * A_DAY + number - 840, sketch=sketch))
    for found in relay(60, opened_ms=NOON_MS + 7 * DAY_MS):
        campaigns.take(replace(found, as_of_ms=found.as_of_ms + 8 * DAY_MS + 120 * MINUTE_MS))
    asked = Ask("a customer never seen", "t500", plugin)
    assert gateway_of(campaigns).over_request(asked, NOON_MS + (8 * A_DAY + 140) * MINUTE_MS) is None


def _versions(
    words: list[str], accounts: list[str], payment: str, opened_ms: int, *, minutes: int = 0
) -> list[Finding]:
    """Ten versions of what a tool says, each from half of the accounts, eight of which pay with one instrument."""
    versions = []
    for number in range(10):
        half = [name for place, name in enumerate(accounts) if place % 2 == number % 2]
        sketch = SKETCHER.sketch([*words, f"version {number}"])
        version = said(500 + number, half, minutes=minutes + number, sketch=sketch, opened_ms=opened_ms)
        paying = (replace(it, payment_hash=f"{payment} {accounts.index(it.account_id) // 8}") for it in version.members)
        versions.append(replace(version, members=tuple(paying)))
    return versions


def test_what_stood_is_kept_where_too_few_are_members_after_a_merge() -> None:
    opened_ms, card = NOON_MS - 100 * DAY_MS, "card"
    one_template = [f"a{number}" for number in range(60)]
    campaigns = taken()
    for number in range(9):
        version = SKETCHER.sketch([*PLUGIN, f"version {number}"])
        campaigns.take(said(number, [f"b{number}{it}" for it in range(3)], minutes=number, sketch=version))
        lent = said(number, one_template[number : number + 1 if number < 4 else 0], minutes=10, sketch=version)
        campaigns.take(replace(lent, members=tuple(replace(it, created_at_ms=opened_ms) for it in lent.members)))
    campaigns.take(
        said(700, one_template, minutes=60, uses=4, opened_ms=opened_ms, payment=card, sketch=NEAR_THE_ATTACK)
    )
    before = stopped(campaigns, one_template, 70)
    campaigns.take(said(901, "xyz", minutes=80, sketch=BETWEEN))
    assert stopped(campaigns, one_template, 82) == before
    assert before


def test_a_template_that_is_a_crowds_stays_there_whatever_it_resembles() -> None:
    users = [f"user {number}" for number in range(40)]
    crowd = [
        said(501, users[:20], minutes=50, sketch=BETWEEN),
        said(500, users, minutes=51, sketch=SKETCHER.sketch(PLUGIN)),
    ]
    campaigns = taken(*relay(60), *crowd, said(900, "xyz", minutes=52, sketch=NEAR_THE_ATTACK))
    assert {len(it.links) for it in campaigns.campaigns().values()} == {2, 11}
    campaigns.take(said(501, users[20:], minutes=60, sketch=BETWEEN))
    assert {len(it.links) for it in campaigns.campaigns().values()} == {2, 11}
    assert not stopped(campaigns, users, 65)


def on_cards(found: Finding) -> Finding:
    """Eight accounts of the campaign pay with one instrument."""
    paid = tuple(replace(it, payment_hash=f"card {int(it.account_id[1:]) // 8}") for it in found.members)
    return replace(found, members=paid)


def test_the_words_between_are_what_they_are_said_to_be() -> None:
    campaigns = taken(
        said(0, "abc", sketch=wording(0)),
        said(900, "xyz", minutes=1, sketch=NEAR_THE_ATTACK),
        said(901, "xyz", minutes=2, sketch=BETWEEN),
        said(500, "def", minutes=3, sketch=SKETCHER.sketch(PLUGIN)),
    )
    (campaign,) = campaigns.campaigns().values()
    assert len(campaign.links) == 4
