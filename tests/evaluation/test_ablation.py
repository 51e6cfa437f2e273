"""`make evaluate SCALE=ablation`: what is switched off, and a page that says what is worse then."""

from concurrent.futures import Executor, Future
from typing import Any

import pytest
from msgspec.structs import replace

from streams.decisions import Action, Family, Reason
from streams.enforcement import Ask
from streams.evaluation import Evaluation, Judge
from streams.findings import LEADS
from streams.policy_signals import SIGNALS
from streams.scenarios import MONDAY_MS
from streams.windows import MINUTE_MS
from tests.evaluation import ablation
from tests.evaluation.ablation import Ablated, strongest
from tests.streams.evaluation.deciding import decision, guilty, innocent


def why(signal: str, family: Family, weight: float) -> Reason:
    return Reason(signal, family, "So it is.", 9.0, 1.0, weight)


CONTENT = why("rewordings", "content", 3.0), why("accounts_per_template", "content", 2.5)
NEW = why("no_old_accounts", "lifecycle", 2.0)


@pytest.mark.parametrize(
    ("action", "counted"),
    [
        ("suspend", {"rewordings": 1, "no_old_accounts": 1}),
        ("throttle", {"rewordings": 1, "no_old_accounts": 1}),
        ("observe", {}),
        ("release", {}),
    ],
)
def test_the_strongest_of_each_family_has_a_part_in_a_limit(action: Action, counted: dict[str, int]) -> None:
    made = decision(action, "a", MONDAY_MS, reasons=(CONTENT[0], CONTENT[1], NEW))
    assert strongest([made]) == counted


def test_of_who_does_not_rotate_wordings_another_may_be_the_strongest() -> None:
    rotated = why("rotated_wordings", "content", 3.6)
    assert strongest([decision("suspend", "a", MONDAY_MS, reasons=(rotated, *CONTENT, NEW))]) == {
        "rotated_wordings": 1,
        "rewordings": 1,
        "no_old_accounts": 1,
    }


class Here(Executor):
    """Plays at once, in this process, and notes what."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def submit(self, _fn: object, /, *args: object, **_kwargs: object) -> Future[Any]:
        self.asked.append(args)
        done: Future[Any] = Future()
        done.set_result((told(0), {"rewordings": 3}))
        return done


def test_it_is_played_without_what_has_a_part_in_a_limit_and_without_what_ties_accounts() -> None:
    here = Here()
    found = ablation.ablated(here, 5, {"relay": 0.1})
    off = {"rewordings", *LEADS.values()}
    assert here.asked == [("relay", 0.1, 5), *(("relay", 0.1, 5, name) for name in sorted(off))]
    assert found["relay"].limits == {"rewordings": 3}
    assert found["relay"].less.keys() == off


def told(leaks: int) -> Evaluation:
    """A campaign of one account that sends a hundred, limited once so many leaked; if all, never."""
    judge = Judge(delay_ms=0)
    for truth in (*guilty("a", campaign="relay"), *innocent("i")):
        judge.meet(truth)
    if leaks < 100:
        judge.decide(decision("suspend", "a", MONDAY_MS + leaks * MINUTE_MS))
    for number in range(100):
        judge.exchange(Ask("a", tokens=10), MONDAY_MS + number * MINUTE_MS)
    return judge.result()


def test_the_page_says_which_signals_matter_to_whom() -> None:
    found = Ablated(told(60), {"rewordings": 4, "synchrony": 1}, {"rewordings": told(100), "synchrony": told(60)})
    page = ablation.written({"relay": found}, "now").splitlines()
    assert "now" in page
    assert "| `rewordings` | content | relay | relay | relay |" in page
    assert "| `synchrony` | rhythm | relay |  |  |" in page
    assert "| `anomaly` | anomaly |  |  |  |" in page
    assert sum(line.startswith("| `") for line in page) == len(SIGNALS)
    assert "| relay | nothing | | 60.0% | 60.0% | 100.0% | 11 min |" in page
    assert "| relay | `rewordings` | 4 | 100.0% | 100.0% | 0.0% | never |" in page
    assert "Innocents limited in the worst of these worlds: 0 of 1 (0 to 975,000 per million)." in page


@pytest.mark.no_cover
def test_a_signal_that_is_off_is_in_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "DAY", replace(ablation.DAY, days=0.5, ordinary=0.01, look_alikes=0.0))
    found, limits = ablation.played("relay", 0.1, 5)
    assert [it.label for it in found.campaigns] == ["campaign:relay"]
    off = max(limits, key=lambda signal: limits[signal])
    _, without = ablation.played("relay", 0.1, 5, off)
    assert off not in without
