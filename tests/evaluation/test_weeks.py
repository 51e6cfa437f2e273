"""`make evaluate SCALE=weeks`: each campaign once, alone, and a page that says what leaked when."""

import pytest

from streams.enforcement import Ask
from streams.evaluation import Evaluation, Judge
from streams.scenarios import CAMPAIGNS, MONDAY_MS
from streams.scenarios.stage import DAY_MS
from tests.evaluation import weeks
from tests.evaluation.weeks import LASTING, Lasting
from tests.streams.evaluation.deciding import decision, guilty, innocent


def test_every_campaign_lasts_at_least_a_week() -> None:
    assert set(LASTING) == set(CAMPAIGNS)
    assert all(it.days >= 7 for it in LASTING.values())


def told(name: str, limited: str) -> Evaluation:
    """A campaign of one account that sends two on the first day and two on the second, when `limited` is limited."""
    judge = Judge(delay_ms=0)
    for truth in (*guilty("a", campaign=name), *innocent("i")):
        judge.meet(truth)
    judge.decide(decision("suspend", limited, MONDAY_MS + DAY_MS))
    for at_ms in (0, 1, DAY_MS, DAY_MS + 1):
        judge.exchange(Ask("a", tokens=10), MONDAY_MS + at_ms)
    return judge.result()


def test_the_page_tells_the_first_day_from_what_follows() -> None:
    page = weeks.written({"relay": told("relay", "a")}, "now").splitlines()
    assert "now" in page
    assert "| relay | 0.2 | 7 | 1 | 4 | 50.0% | 50.0% | 2 | 0.00% | 100.0% | never |" in page
    assert "- relay: 50.0% leaked, of extraction 50.0%; the bar is 5%." in page
    assert page[-1].startswith("- relay")


def test_the_page_names_innocents_that_were_limited() -> None:
    page = weeks.written({"relay": told("relay", "i")}, "now")
    assert "Innocents limited in the worst of these worlds: 1 of 1 (25,000 to 1,000,000 per million); relay: 1" in page


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_campaign_is_alone_with_innocents_of_every_kind_but_the_gateway() -> None:
    found = weeks.alone("relay", Lasting(0.05, 0.5), 5)
    assert {it.label for it in found.campaigns} == {"campaign:relay"}
    assert "look_alike:reseller_gateway" not in {it.label for it in found.innocents}
    assert len(found.innocents) > 10
