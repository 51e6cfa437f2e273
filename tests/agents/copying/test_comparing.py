"""What is in force under two prefixes is told apart, and campaigns of another id are not taken for a difference."""

from msgspec.structs import replace

from agents.copying.comparing import Comparison, Difference, Standings, compare
from streams.decisions import Decision
from tests.integration.enforcers import decided

NOW_MS = decided("suspend", "a").decided_at_ms + 1


def held(old: list[Decision], new: list[Decision]) -> Comparison:
    return compare(Standings(old), Standings(new), NOW_MS)


def campaign(name: str, *members: str) -> Decision:
    return replace(decided("suspend", name), subject_kind="campaign", campaign_id=name, members=members)


def test_the_same_decisions_do_not_differ() -> None:
    same = [decided("suspend", "a"), decided("observe", "b"), decided("release", "c")]
    assert held(same, same) == Comparison(1, 1, (), ())


def test_a_record_that_is_no_decision_is_passed_over() -> None:
    assert compare(Standings([None]), Standings([]), NOW_MS) == Comparison(0, 0, (), ())


def test_whoever_is_limited_less_or_more_is_named() -> None:
    found = held(
        [decided("suspend", "a"), decided("challenge", "b"), decided("release", "c")],
        [decided("challenge", "a"), decided("suspend", "b"), decided("suspend", "c")],
    )
    assert found == Comparison(
        2,
        3,
        (
            Difference("account", "a", "suspend", "challenge"),
            Difference("account", "b", "challenge", "suspend"),
            Difference("account", "c", "exempt", "suspend"),
        ),
        (),
    )
    assert [it.is_milder for it in found.differences] == [True, False, False]


def test_a_campaign_found_anew_under_another_id_limits_the_same_members() -> None:
    found = held([campaign("c-1", "a", "b")], [campaign("c-2", "a", "b")])
    assert (found.old, found.new, found.differences) == (2, 2, ())
    assert found.campaigns == (
        Difference("campaign", "c-1", "suspend", "pass"),
        Difference("campaign", "c-2", "pass", "suspend"),
    )


def test_a_member_that_the_campaign_found_anew_lacks_is_named() -> None:
    found = held([campaign("c-1", "a", "b")], [campaign("c-2", "a")])
    assert found.differences == (Difference("account", "b", "suspend", "pass"),)
    assert found.differences[0].is_milder


def test_what_has_expired_is_not_in_force() -> None:
    over = replace(decided("suspend", "a"), expires_at_ms=NOW_MS)
    assert held([over], []) == Comparison(0, 0, (), ())
