"""campaigns: templates too short to tie anybody, which the members of a campaign use, and hardly anybody else."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from streams.decisions import Action, Decision
from streams.findings import Crowd, Finding, Tied, Users
from streams.windows import DAY_MS, MINUTE_MS
from tests.streams.stages.test_campaigns_and_innocents import on_cards
from tests.streams.stages.test_campaigns_by_template import OLD_MS, SKETCHER, WORDS, limited, of, relay, said, taken
from tests.streams.stages.test_campaigns_feedback import about, hear, verdict
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench

OTHER_WORDS = SKETCHER.sketch("translate menu nice restaurant tonight please".split())
FEWER_WORDS = SKETCHER.sketch(WORDS[:7])
MEMBERS = [f"m{number}" for number in range(30)]
CROWD = [f"other {number}" for number in range(40)]
SIX_HOURS = 6 * 60


def used(names: Iterable[str], *, minutes: int = 30, sketch: str | None = OTHER_WORDS) -> Users:
    """These accounts use template t70."""
    return Users("t70", NOON_MS + minutes * MINUTE_MS, tuple(names), sketch)


def about_it(campaigns: Bench) -> list[Decision]:
    return [decision for decision in of(campaigns, "network") if decision.subject_id == "template:t70"]


def actions(campaigns: Bench) -> list[Action]:
    return [decision.action for decision in about_it(campaigns)]


def found() -> Bench:
    """A campaign of thirty accounts that is limited."""
    campaigns = taken(*relay(30))
    assert limited(campaigns) == set(MEMBERS)
    return campaigns


def holding() -> Bench:
    """The same, whose members use the template, which is limited."""
    campaigns = found()
    campaigns.take(users=[used(MEMBERS)])
    assert actions(campaigns) == ["challenge"]
    return campaigns


def test_a_template_that_the_members_of_a_campaign_use_is_limited_with_it_and_makes_nobody_a_member() -> None:
    campaigns = found()
    campaigns.take(users=[used([*MEMBERS, "passer-by"])])
    campaigns.take(said(3, ["passer-by"], minutes=40))
    (decision,) = about_it(campaigns)
    assert (decision.action, decision.wording) == ("challenge", None)
    assert decision.expires_at_ms - decision.decided_at_ms == 7 * DAY_MS
    assert limited(campaigns) == set(MEMBERS)


@pytest.mark.parametrize(
    ("members", "others", "sketch", "is_limited"),
    [
        (10, 0, OTHER_WORDS, False),  # ten of ten are not surely nearly all
        (12, 0, OTHER_WORDS, True),
        (30, 6, OTHER_WORDS, False),
        (2, 0, FEWER_WORDS, False),
        (3, 0, FEWER_WORDS, True),
        (6, 6, FEWER_WORDS, True),
        (6, 7, FEWER_WORDS, False),
    ],
)
def test_it_is_the_campaigns_if_nearly_all_who_use_it_are_or_of_its_own_words_most(
    members: int, others: int, sketch: str, *, is_limited: bool
) -> None:
    campaigns = found()
    campaigns.take(users=[used([*MEMBERS[:members], *CROWD[:others]], sketch=sketch)])
    assert (len(about_it(campaigns)) == 1) is is_limited


FOUND_MS = NOON_MS + 8 * MINUTE_MS
"""About when the campaign of `relay` is found."""
REFUSED = [f"refused {number}" for number in range(6)]


def paying(names: Iterable[str], payment: str, *, minutes: int = 30, opened_ms: int = FOUND_MS + MINUTE_MS) -> Users:
    """These, opened then, use it and pay so, beside all members, of whom that is not told."""
    others = tuple(names)
    fresh = (Tied(it, payment_hash=payment, created_at_ms=opened_ms, since_ms=opened_ms) for it in others)
    return replace(used([*MEMBERS, *others], minutes=minutes), fresh=tuple(fresh))


def on_eights() -> Bench:
    """The campaign of thirty, eight of which pay with one instrument."""
    campaigns = taken(*(on_cards(one) for one in relay(30)))
    (campaign,) = campaigns.campaigns().values()
    assert NOON_MS < campaign.found_ms <= FOUND_MS
    return campaigns


@pytest.mark.parametrize(
    ("payment", "opened_ms", "is_limited"),
    [
        ("card 0", FOUND_MS + MINUTE_MS, True),
        ("card 0", NOON_MS - MINUTE_MS, False),  # opened before it was found: refused by nobody
        ("a card of their own", FOUND_MS + MINUTE_MS, False),
    ],
)
def test_who_is_refused_for_how_it_pays_is_no_stranger_to_it_though_it_never_became_a_member(
    payment: str, opened_ms: int, *, is_limited: bool
) -> None:
    campaigns = on_eights()
    campaigns.take(users=[paying(REFUSED, payment, opened_ms=opened_ms)])
    assert (len(about_it(campaigns)) == 1) is is_limited
    assert limited(campaigns) == {*MEMBERS}


def test_who_is_refused_for_it_no_more_once_the_limit_is_over_is_a_stranger() -> None:
    campaigns = on_eights()
    (campaign,) = campaigns.campaigns().values()
    over = (campaign.enforcement.expires_at_ms - NOON_MS) // MINUTE_MS + 1
    campaigns.take(users=[paying(REFUSED, "card 0", minutes=over)])
    assert about_it(campaigns) == []


@pytest.mark.parametrize(("names", "payment"), [(REFUSED[:1], "card 0"), (REFUSED, None)])
def test_whom_a_reviewer_called_innocent_is_a_stranger_to_it_and_who_pays_so_if_that_was_said(
    names: list[str], payment: str | None
) -> None:
    campaigns = on_eights()
    hear(campaigns, *(replace(verdict("innocent", name, 20), payment_hash=payment) for name in names))
    campaigns.take(users=[paying(REFUSED, "card 0")])
    assert about_it(campaigns) == []


def test_a_payment_that_was_let_go_stays_so_whatever_is_said_later_of_another_that_pays_so() -> None:
    campaigns = on_eights()
    said_of_it = verdict("innocent", "x", 20), verdict("confirmed", "y", 21), verdict("innocent", "z", 19)
    hear(campaigns, *(replace(it, payment_hash="card 0") for it in said_of_it))
    campaigns.take(users=[paying(REFUSED, "card 0")])
    assert about_it(campaigns) == []


def test_a_payment_that_is_told_again_after_it_was_let_go_counts_again() -> None:
    campaigns = on_eights()
    hear(campaigns, replace(verdict("innocent", "m0", 20), payment_hash="card 0"))
    opened_ms = NOON_MS - 20 * DAY_MS
    for number in range(3):
        campaigns.take(said(number, ["late"], minutes=22 + number, opened_ms=opened_ms, payment="card 9"))
    (retold,) = (it for it in of(campaigns, "campaign") if "late" in it.members)
    assert set(retold.payments) == {"card 0", "card 9"}
    campaigns.take(users=[paying(REFUSED, "card 0", minutes=40)])
    assert actions(campaigns) == ["suspend"]


@pytest.mark.parametrize(("opened_day", "is_limited"), [(12, False), (14, True)])
def test_who_was_opened_more_than_a_week_before_the_payment_was_told_is_refused_by_nobody(
    opened_day: int, *, is_limited: bool
) -> None:
    campaigns, day = taken(*relay(30)), 24 * 60
    for number in range(3):
        sent = said(number, ["late"], minutes=20 * day + number, opened_ms=NOON_MS + 5 * DAY_MS, payment="a firm's")
        campaigns.take(sent)
    told = [it for it in of(campaigns, "campaign") if "a firm's" in it.payments]
    assert [it.opened_from_ms for it in told] == [told[0].decided_at_ms - 7 * DAY_MS]
    staff = [f"employee {number}" for number in range(22)]
    opened_ms = NOON_MS + opened_day * DAY_MS
    campaigns.take(users=[paying(staff, "a firm's", minutes=20 * day + 30, opened_ms=opened_ms)])
    assert bool(about_it(campaigns)) is is_limited


@pytest.mark.parametrize("org_id", [None, "an organisation"])
def test_who_pays_with_what_some_of_a_crowd_or_an_organisation_pay_with_is_a_stranger_to_it(org_id: str | None) -> None:
    def with_card(one: Finding) -> Finding:
        theirs = {"m0", "m1"}
        paid = (
            replace(it, payment_hash="a card", org_id=org_id) if it.account_id in theirs else it for it in one.members
        )
        return replace(one, members=tuple(paid))

    campaigns = taken(*map(with_card, relay(30)))
    if org_id is None:
        campaigns.take(crowds=[Crowd("a card", NOON_MS + 20 * MINUTE_MS, 62)])
    campaigns.take(users=[paying([f"customer {number}" for number in range(60)], "a card")])
    assert about_it(campaigns) == []


def test_what_is_told_together_with_the_finding_that_has_a_campaign_limited_counts() -> None:
    *before, last = relay(30)
    campaigns = taken(*before)
    campaigns.take(last, users=[used(MEMBERS, minutes=9)])
    assert actions(campaigns) == ["challenge"]


def test_it_says_nothing_of_a_campaign_that_is_only_watched() -> None:
    campaigns = taken(*relay(30, opened_ms=OLD_MS))
    campaigns.take(users=[used(MEMBERS)])
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}
    assert about_it(campaigns) == []


def test_users_alone_found_no_campaign_and_leave_nothing() -> None:
    campaigns = taken()
    campaigns.take(users=[used(MEMBERS)])
    assert campaigns.said("enforcement") == []
    assert {key for key, state in campaigns.states.held.items() if campaigns.stage.encode(key, state)} == {
        "crowded",
        "exempt",
        "learner",
        "shard",
    }
    assert campaigns.campaigns() == {}


def test_it_is_let_go_once_it_is_told_that_a_crowd_uses_it_though_as_of_the_same_minute() -> None:
    campaigns = holding()
    spoken = len(of(campaigns, "campaign"))
    campaigns.take(users=[used([*MEMBERS, *CROWD])])
    assert actions(campaigns) == ["challenge", "release"]
    for later in (1, 2, 3):
        campaigns.take(users=[used([*MEMBERS, *CROWD], minutes=30 + later * SIX_HOURS)])
    assert actions(campaigns) == ["challenge", "release"]
    assert len(of(campaigns, "campaign")) == spoken  # a crowd does not say that the campaign goes on


def test_to_say_it_again_changes_nothing_and_half_a_week_later_it_goes_on() -> None:
    campaigns = holding()
    for again in (used(MEMBERS), used(MEMBERS[:20]), used(MEMBERS, minutes=20)):
        assert campaigns.take(users=[again]).tally["duplicate"] == 1
    assert actions(campaigns) == ["challenge"]
    campaigns.take(users=[used(MEMBERS, minutes=4 * 24 * 60)])
    assert actions(campaigns) == ["challenge", "challenge"]


def test_whom_a_reviewer_called_innocent_is_a_stranger_to_it() -> None:
    campaigns = holding()
    hear(campaigns, *(verdict("innocent", name, 60) for name in MEMBERS[:14]))
    campaigns.take(users=[used(MEMBERS, minutes=90)])
    assert actions(campaigns) == ["challenge", "release"]


def test_a_campaign_that_was_called_innocent_has_it_back() -> None:
    campaigns = holding()
    (name,) = campaigns.campaigns()
    hear(campaigns, about("innocent", name, 60))
    campaigns.take(users=[used(MEMBERS, minutes=90)])
    assert actions(campaigns) == ["challenge", "release"]


def test_who_is_erased_is_counted_neither_way() -> None:
    campaigns = found()
    hear(campaigns, *(verdict("erased", name, 60) for name in CROWD))
    campaigns.take(users=[used([*MEMBERS, *CROWD], minutes=90)])
    assert actions(campaigns) == ["challenge"]
    (campaign,) = campaigns.campaigns().values()
    assert (campaign.short["template:t70"].users, campaign.short["template:t70"].strangers) == (30, 0)


def second(campaigns: Bench) -> list[str]:
    """The accounts of another campaign, of other words, which is limited as well."""
    names = [f"n{number}" for number in range(20)]
    for number in range(8):
        campaigns.take(grading(number, names))
    return names


def grading(number: int, names: Iterable[str]) -> Finding:
    """These accounts send one wording of the second campaign."""
    sketch = SKETCHER.sketch([*"grade answer strict rubric points".split(), f"way{number}"])
    return said(100 + number, names, minutes=40 + number, sketch=sketch, opened_ms=NOON_MS - DAY_MS)


def test_it_goes_with_a_campaign_that_another_takes_in() -> None:
    campaigns = found()
    campaigns.take(users=[used(second(campaigns), minutes=50)])
    assert actions(campaigns) == ["challenge"]
    campaigns.take(grading(0, ["m0", "m1", "m2"]), grading(1, ["m0", "m1", "m2"]))
    (campaign,) = campaigns.campaigns().values()
    assert [*campaign.short] == ["template:t70"]
    campaigns.take(users=[used([*CROWD, "n1"], minutes=90)])
    assert actions(campaigns) == ["challenge", "release"]


def test_once_it_ties_its_limit_goes_on_until_a_crowd_uses_it() -> None:
    campaigns = holding()
    campaigns.take(said(70, MEMBERS, minutes=40, sketch=OTHER_WORDS))
    (campaign,) = campaigns.campaigns().values()
    assert campaign.short == {}
    assert campaign.links["template:t70"].enforcement.sequence == 1
    campaigns.take(users=[used([*MEMBERS, *CROWD], minutes=50)])
    assert actions(campaigns) == ["challenge", "release"]
    assert limited(campaigns) == set(MEMBERS)


def test_a_crowd_that_has_it_tied_is_not_taken_for_the_campaign_whose_members_used_it() -> None:
    campaigns = holding()
    campaigns.take(said(70, CROWD, minutes=40, sketch=OTHER_WORDS, opened_ms=NOON_MS))
    assert len(campaigns.campaigns()) == 2
    assert actions(campaigns) == ["challenge", "release"]
    assert limited(campaigns) == set(MEMBERS)


def test_a_campaign_that_uses_it_after_another_has_it_from_then_on() -> None:
    campaigns = holding()
    names = second(campaigns)
    campaigns.take(users=[used(names, minutes=60)])
    assert actions(campaigns) == ["challenge", "release", "challenge"]
    first, release, last = about_it(campaigns)
    assert [it.sequence for it in about_it(campaigns)] == [1, 2, 3]
    assert first.campaign_id == release.campaign_id != last.campaign_id
    assert [[*it.short] for it in campaigns.campaigns().values()] == [[], ["template:t70"]]


def test_once_it_ties_it_is_let_go_as_of_when_it_is_told_that_a_crowd_uses_it() -> None:
    """However long ago its campaign did something: a gateway passes over what was decided a day before."""
    campaigns = holding()
    campaigns.take(said(70, MEMBERS, minutes=40, sketch=OTHER_WORDS))
    campaigns.take(users=[used([*MEMBERS, *CROWD], minutes=3 * 24 * 60)])
    assert actions(campaigns) == ["challenge", "release"]
    assert about_it(campaigns)[-1].decided_at_ms == NOON_MS + 3 * DAY_MS


def test_a_crowd_alone_does_not_keep_a_campaign_in_mind() -> None:
    campaigns = holding()
    for day in (1, 2, 3, 9):
        campaigns.take(users=[used(CROWD, minutes=day * 24 * 60)])
    assert actions(campaigns) == ["challenge", "release"]
    (campaign,) = campaigns.campaigns().values()
    assert campaign.short == {}
    campaigns.states.begin_step()
    campaigns.take(users=[used(CROWD, minutes=10 * 24 * 60)])
    assert f"campaign:{campaign.campaign_id}" not in campaigns.states.changed


def test_a_campaign_that_a_worker_of_before_wrote_back_without_it_may_have_it_again() -> None:
    campaigns = holding()
    (campaign,) = campaigns.campaigns().values()
    campaign.short = {}
    campaigns.take(users=[used(MEMBERS, minutes=60)])
    assert [*campaigns.campaigns()[campaign.campaign_id].short] == ["template:t70"]
    campaigns.campaigns()[campaign.campaign_id].short = {}
    campaigns.take(said(70, MEMBERS, minutes=80, sketch=OTHER_WORDS))
    assert "template:t70" in campaigns.campaigns()[campaign.campaign_id].links


def test_whom_a_reviewer_confirmed_is_refused_all_the_same() -> None:
    campaigns = on_eights()
    hear(campaigns, *(verdict("confirmed", name, 20) for name in REFUSED))
    campaigns.take(users=[paying(REFUSED, "card 0")])
    assert actions(campaigns) == ["suspend"]
