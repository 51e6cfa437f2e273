"""campaigns: accounts that rotate the wordings of one instruction, of which nothing else is to be said."""

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from streams.findings import Finding
from streams.windows import HOUR_MS
from tests.streams.stages.test_campaigns_by_template import SKETCHER, WORDS, limited, of, said, taken, view
from tests.streams.stages.test_campaigns_stage import NOON_MS, Bench

WORDINGS = 24
ACCOUNTS = 30


def sent(asked: Mapping[str, Iterable[int]], uses: int = 1) -> Iterator[Finding]:
    """Findings of old accounts that pay for themselves, by the wordings that each sends."""
    for number in range(WORDINGS):
        senders = [name for name, numbers in asked.items() if number in set(numbers)]
        if senders:
            yield said(number, senders, minutes=number, uses=uses)


def drawn(count: int) -> dict[str, list[int]]:
    return {f"m{it}": Random(f"account {it}").sample(range(WORDINGS), count) for it in range(ACCOUNTS)}


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
