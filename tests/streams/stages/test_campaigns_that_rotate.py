"""campaigns: accounts that rotate the wordings of one instruction, of which nothing else is to be said."""

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from msgspec.structs import replace

from streams.findings import Finding
from streams.windows import DAY_MS, HOUR_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER, WORDS, limited, of, said, taken, view
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench

WORDINGS = 24
ACCOUNTS = 30


def sent(asked: Mapping[str, Iterable[int]], uses: int = 1, minutes: int = 0) -> Iterator[Finding]:
    """Findings of old accounts that pay for themselves, by the wordings that each sends, from so many minutes on."""
    for number in range(WORDINGS):
        senders = [name for name, numbers in asked.items() if number in set(numbers)]
        if senders:
            yield said(number, senders, minutes=minutes + number, uses=uses)


def drawn(count: int, accounts: int = ACCOUNTS) -> dict[str, list[int]]:
    return {f"m{it}": Random(f"account {it}").sample(range(WORDINGS), count) for it in range(accounts)}


def test_old_accounts_that_pay_for_themselves_are_throttled_if_they_rotate_the_wordings_of_what_campaigns_extract() -> (
    None
):
    campaigns = taken(*sent(drawn(6)))
    (*_, last) = of(campaigns, "campaign")
    assert last.action == "throttle"
    assert {reason.signal for reason in last.reasons} == {
        "rotated_wordings",
        "rewordings",
        "accounts_per_template",
        "extracted_capabilities",
    }
    assert limited(campaigns) == {f"m{it}" for it in range(ACCOUNTS)}


def test_whoever_runs_a_benchmark_with_questions_that_are_nearly_the_same_is_only_watched() -> None:
    so_far = {f"m{it}": range(3 + Random(f"account {it}").randrange(WORDINGS - 3)) for it in range(ACCOUNTS)}
    campaigns = taken(*sent(so_far), *sent(so_far, uses=4))
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}


def test_users_of_a_tool_who_come_back_to_the_commands_that_they_like_are_only_watched() -> None:
    campaigns = taken(*sent(drawn(6)), *sent(drawn(6), uses=4))
    assert of(campaigns, "campaign")[-1].action == "throttle", "until they came back it looked so"
    campaigns = taken(*sent(drawn(6), uses=4))
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}


def test_what_they_do_once_they_are_limited_does_not_speak_for_them() -> None:
    """Accounts in the place of those that were lost are stopped before they have sent much."""
    campaigns = taken(*sent(drawn(6)))
    for number in range(WORDINGS):
        fresh = [f"fresh {came} {it}" for came in (number, number + 1) for it in range(8)]
        campaigns.take(said(number, fresh, minutes=60 + number, opened_ms=NOON_MS + HOUR_MS))
    (*_, last) = of(campaigns, "campaign")
    assert "rotated_wordings" in {reason.signal for reason in last.reasons}
    assert "fresh 8 0" in limited(campaigns)


def test_users_of_a_tool_that_shuffles_the_words_of_its_prompt_are_only_watched() -> None:
    campaigns = taken()
    for number in range(WORDINGS):
        senders = [name for name, numbers in drawn(6).items() if number in numbers]
        shuffled = SKETCHER.sketch(Random(number).sample(WORDS, len(WORDS)))
        campaigns.take(said(number, senders, minutes=number, sketch=shuffled))
    assert view(campaigns).rewordings == WORDINGS
    assert {decision.action for decision in of(campaigns, "campaign")} == {"observe"}


def test_what_ties_two_instructions_together_makes_them_one() -> None:
    """Wordings that came when the one in between was not known yet."""
    first, last = WORDS[:9], WORDS[-9:]
    ends = [[*first, "left", "one", "two", "three"], ["right", "four", "five", "six", *last]]
    names = [f"m{it}" for it in range(5)]
    campaigns = taken()
    for number in range(12):
        sketch = SKETCHER.sketch(ends[number % 2])
        campaigns.take(said(number, names, minutes=number, sketch=sketch))
    assert len(labels(campaigns)) == 2
    campaigns.take(said(99, names, minutes=20, sketch=SKETCHER.sketch(WORDS)))
    assert len(labels(campaigns)) == 1


def labels(campaigns: Bench) -> set[str]:
    return {link.instruction for it in campaigns.campaigns().values() for link in it.links.values()}


def test_who_comes_back_to_a_tools_commands_is_not_drawn_in_by_others_who_draw_them() -> None:
    """An attacker who has the users of a tool limited."""
    for users in (5, 10, 20):
        liked = {f"user {it}": Random(f"user {it}").sample(range(WORDINGS), 2) for it in range(users)}
        campaigns = taken(*sent(liked), *sent(liked, uses=4), *sent(drawn(7, accounts=8 * users)))
        assert limited(campaigns) & liked.keys() == set()
        assert of(campaigns, "network") == []


def test_few_who_come_back_do_not_hide_those_who_rotate_and_are_not_limited_with_them() -> None:
    liked = {f"user {it}": [it] for it in range(3)}
    campaigns = taken(*sent(drawn(6, accounts=60)), *sent(liked, uses=4))
    assert limited(campaigns) == drawn(6, accounts=60).keys()
    assert {decision.action for decision in of(campaigns, "network")} == {"throttle"}


def test_who_sends_two_or_three_is_not_limited_for_the_many_who_rotate() -> None:
    few = {f"user {it}": Random(f"user {it}").sample(range(WORDINGS), 3) for it in range(10)}
    campaigns = taken(*sent(drawn(6, accounts=60)), *sent(few))
    assert of(campaigns, "campaign")[-1].action == "throttle"
    assert limited(campaigns) == drawn(6, accounts=60).keys()


def test_no_other_templates_are_limited_for_those_that_are_rotated() -> None:
    """What the same accounts come back to, in a dozen wordings as well."""
    campaigns = taken(*sent(drawn(6, accounts=60)))
    theirs = {decision.subject_id for decision in of(campaigns, "network")}
    assert theirs <= {f"template:t{number}" for number in range(WORDINGS)}
    for number in range(12):
        sketch = SKETCHER.sketch(["translate", "carefully", *(f"word{it}" for it in range(9)), f"last{number}"])
        fans = [f"m{it}" for it in range(60) if it % 12 == number]
        campaigns.take(said(100 + number, fans, minutes=WORDINGS + number, uses=4, sketch=sketch))
    assert view(campaigns).templates == WORDINGS + 12
    assert [it.enforcement.action for it in campaigns.campaigns().values()] == ["throttle"]
    assert {decision.subject_id for decision in of(campaigns, "network")} == theirs
    assert {decision.action for decision in of(campaigns, "network")} == {"throttle"}
    assert view(campaigns).rotation.share > 0.9


def test_some_who_were_limited_first_do_not_hide_those_who_come_later() -> None:
    first = {f"first {it}": range(3) for it in range(6)}
    campaigns = taken()
    for finding in sent(first):
        cards = [replace(it, payment_hash=f"card {int(it.account_id[-1]) % 3}") for it in finding.members]
        campaigns.take(replace(finding, members=tuple(cards)))
    assert limited(campaigns) == first.keys()
    for finding in sent(drawn(6, accounts=60), minutes=14 * 60):
        campaigns.take(finding)
    assert limited(campaigns) == {*first, *drawn(6, accounts=60)}


def test_wordings_of_a_limited_campaign_are_taken_back_from_a_crowd_also_while_the_evidence_asks_for_less() -> None:
    campaigns = taken(*(said(number, "abcdefghijkl", payment="p", opened_ms=NOON_MS - DAY_MS) for number in range(8)))
    assert of(campaigns, "campaign")[-1].action == "suspend"
    for finding in sent({f"old {it}": [it % 8, 8 + it % 8] for it in range(16)}, minutes=60):
        campaigns.take(finding)
    (campaign,) = campaigns.campaigns().values()
    assert any(it.is_worded for it in campaign.templates.values())
    campaigns.take(said(51, "abcdefgh", payment="p", opened_ms=NOON_MS - DAY_MS, minutes=110))
    assert {it.subject_id: it.action for it in of(campaigns, "network")}["template:t51"] == "suspend"
    campaigns.take(said(99, [f"crowd {it}" for it in range(30)], minutes=120))
    (campaign,) = campaigns.campaigns().values()
    assert campaign.enforcement.action == "suspend"
    assert not any(it.is_worded for it in campaign.templates.values())
