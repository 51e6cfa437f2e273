"""What is known of two campaigns once one takes in the other, and of a template once it is found again."""

from streams.campaigns import Campaign
from streams.decisions import Reason
from streams.evidence import Seen
from streams.findings import Finding, Tied
from streams.joining import add_finding, take_in

REASON = Reason("accounts_per_template", "content", "Accounts.", 9.0, 3.0, 2.5)


def template(as_of_ms: int, sketch: str | None) -> Finding:
    return Finding("template", "t", as_of_ms, (REASON,), (Tied("a"),), sketch, "reasoning")


def test_it_was_found_when_either_was_found_first() -> None:
    for older_ms, younger_ms in ((10, 20), (20, 10)):
        older, younger = Campaign("c-1", found_ms=older_ms), Campaign("c-2", found_ms=younger_ms)
        take_in(older, younger, limited=True)
        assert older.found_ms == 10


def test_what_an_account_did_in_one_and_in_the_other_is_what_it_did() -> None:
    older = Campaign("c-1", seen={"a": Seen(20, templates=0b011, repeated=0b001, used_ms=15)})
    younger = Campaign("c-2", seen={"a": Seen(10, templates=0b110, repeated=0b100, org_id="o"), "b": Seen(5)})
    take_in(older, younger, limited=False)
    assert older.seen == {"a": Seen(10, templates=0b111, repeated=0b101, org_id="o"), "b": Seen(5)}
    assert younger.seen == {}


def test_a_template_has_the_sketch_that_was_found_last() -> None:
    campaign = Campaign("c-1")
    for as_of_ms, sketch, known in ((10, "one", "one"), (20, "two", "two"), (15, "late", "two"), (30, None, "")):
        add_finding(campaign, template(as_of_ms, sketch), {})
        assert campaign.links["template:t"].sketch == known
