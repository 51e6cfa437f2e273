"""`make evaluate SCALE=candidates`: figures that say what they are said to, and a page that holds them side by side."""

import pytest

from streams.scenarios.people import NEW_MODEL
from streams.windows import DAY_MS, HOUR_MS, MINUTE_MS
from tests.evaluation import candidates
from tests.evaluation.candidates import Around, Request, Seen, told_apart
from tests.evaluation.worlds import World

AROUND = Around({"common": 0.5, "rare": 0.01}, 100 * DAY_MS, 0.2)


def sent(
    accounts: str, *, every: int = 10, tls: str = "common", model: str = "large-5", age_days: int = 90
) -> list[Request]:
    """A request of each of the accounts, one after the other, so many minutes apart; each says something else."""
    begun = 100 * DAY_MS
    return [
        Request(begun + number * every * MINUTE_MS, name, tls, model, begun - age_days * DAY_MS, number)
        for number, name in enumerate(accounts)
    ]


def test_a_timer_is_more_regular_than_a_person() -> None:
    person = [it for number, it in enumerate(sent("a" * 200)) if number % 5 not in {2, 3} and number % 11]
    assert candidates.regular_gaps(sent("a" * 40)) == pytest.approx(0)
    assert candidates.regular_gaps(person) == pytest.approx(-0.556, abs=0.001)
    assert candidates.regular_gaps(sent("a" * 30)) is None


def test_who_takes_turns_is_in_turn_and_even() -> None:
    fixed, mixed = sent("abcde" * 12), sent("aabacadaeabbacdaabeacadb" * 3)
    assert candidates.in_turn(fixed, AROUND) == 1
    assert (candidates.in_turn(mixed, AROUND) or 1) < 1
    assert (candidates.evenness(fixed, AROUND) or 0) > (candidates.evenness(mixed, AROUND) or 9)


def test_only_who_paused_takes_turns() -> None:
    assert candidates.turns(sent("abcde" * 12), AROUND) > 10
    assert candidates.turns(sent("aabacadaeabbacdaabeacadb" * 3), AROUND) < 2
    assert candidates.turns(sent("abcde" * 12, every=3), AROUND) == 0
    assert candidates.turns(sent("ab" * 30, every=30), AROUND) == 0, "two of a household"
    busy = [it for it in sent("abcd" * 300, every=1) if it.at_ms // MINUTE_MS % 30]
    colleague = sent("e" * 40, every=30)
    both = sorted([*busy, *colleague], key=lambda it: it.at_ms)
    assert candidates.turns(both, AROUND) == 0, "who comes back among those that never pause"


def test_a_rare_client_is_farther_from_all_than_a_common_one() -> None:
    rare, common = (candidates.one_client(sent("abcdefgh", tls=tls), AROUND) for tls in ("rare", "common"))
    assert rare == pytest.approx(4.605, abs=0.001)
    assert common == pytest.approx(0.693, abs=0.001)


def test_the_new_model_counts_after_its_release_alone() -> None:
    moved = sent("abcde" * 8, model=NEW_MODEL)
    assert candidates.moves_to_new_model(moved, AROUND) == pytest.approx(0.8)
    assert candidates.moves_to_new_model(moved, AROUND._replace(release_ms=101 * DAY_MS)) is None


def test_births_are_counted_of_old_accounts_alone() -> None:
    old = [it._replace(created_ms=it.created_ms - 40 * number * HOUR_MS) for number, it in enumerate(sent("abcdefgh"))]
    assert candidates.born_together(sent("abcdefgh"), AROUND) == 1
    assert candidates.born_together(old, AROUND) == 1 / 8
    assert candidates.born_together(sent("abcdefgh", age_days=30), AROUND) is None


def test_a_filling_that_comes_again_is_not_new() -> None:
    requests = sent("abcd" * 5)
    assert candidates.new_fillings(requests, AROUND) == 1
    assert candidates.new_fillings([it._replace(text=it.text % 5) for it in requests], AROUND) == 1 / 4


def test_groups_that_campaigns_share_with_innocents_are_left_out() -> None:
    shared = {"template": {"t": sent("abcdefgh" * 5)}, "payment": {}}
    for innocents, label in (("", "campaign:relay"), ("g", "campaign:relay"), ("gh", None), ("abcdefgh", "benign")):
        labels = {name: "benign" if name in innocents else "campaign:relay" for name in "abcdefgh"}
        assert {it.label for it in candidates.of_groups(shared, labels, AROUND)} == ({label} - {None})


@pytest.mark.parametrize(
    ("guilty", "innocent", "expected"),
    [([3, 4], [1, 2], 1), ([1, 2], [3, 4], 0), ([1, 1], [1], 0.5), ([2], [1, 3], 0.5)],
)
def test_told_apart_is_how_likely_one_is_above_the_other(
    guilty: list[float], innocent: list[float], expected: float
) -> None:
    assert told_apart(guilty, innocent) == expected


def test_the_page_says_who_is_above_nearly_all_innocents() -> None:
    found = [
        *(Seen("a figure", "benign", value / 100) for value in range(100)),
        Seen("a figure", "campaign:relay", 5),
        Seen("a figure", "campaign:thin", 0.5),
        Seen("another", "campaign:thin", 0.5),
    ]
    page = candidates.written(found, "Ran so.")
    assert "| a figure | 2 | 100 | 0.75 | 50% | relay 100% |" in page
    assert "| another | 1 | 0 | | | |" in page
    assert "Ran so." in page


def test_a_world_is_looked_at_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    small = World(days=1, ordinary=0.02, look_alikes=0.02, campaigns={"relay": 0.1, "thin": 0.02})
    monkeypatch.setattr(candidates, "WORLD", small)
    found = candidates.seen(1)
    assert {it.label for it in found if it.candidate == "turns (payment)"} >= {"campaign:relay", "campaign:thin"}
    assert {it.candidate for it in found} >= {"regular_gaps (account)", "in_turn (template)", "one_client (payment)"}
