"""The way from a campaign to the one that it is part of today."""

from streams.campaigns import Campaign
from streams.stages.campaign_states import campaign_key, chain, final
from streams.states import States


def test_a_campaign_is_found_however_often_one_took_in_another_and_the_next_time_at_once() -> None:
    states = States()
    for number in range(5_000):
        heir = f"c-{number + 1}" if number < 4_999 else None
        states.held[campaign_key(f"c-{number}")] = Campaign(campaign_id=f"c-{number}", merged_into=heir)
    assert final("c-0", states) is states.held[campaign_key("c-4999")]
    assert states.changed == {campaign_key(f"c-{number}") for number in range(4_998)}
    assert chain("c-0", states) == {campaign_key("c-0"), campaign_key("c-4999")}


def test_a_campaign_that_nobody_took_in_is_itself_and_none_is_none() -> None:
    states = States()
    states.held[campaign_key("c-0")] = Campaign(campaign_id="c-0")
    assert final("c-0", states) is states.held[campaign_key("c-0")]
    assert final(None, states) is None
    assert not states.changed
