"""What explain says of replayed decisions is what a gateway does with them, and what decided them."""

from collections import Counter

import msgspec
import pytest

from streams.decisions import Decision
from streams.enforcement import InForce
from streams.explaining import History, explain
from streams.reviewing import REVIEWER
from tests.agents.test_replay import WATCHFUL, run, traffic


@pytest.fixture(scope="module", params=[3, 4])
def decisions(request: pytest.FixtureRequest) -> list[Decision]:
    out = run(traffic(request.param, 300)).out
    return [msgspec.json.decode(it.value, type=Decision) for it in out if it.topic == "enforcement"]


def with_releases(decisions: list[Decision]) -> list[Decision]:
    """The same, and every second account that is named or limited is released for two hours in the middle of it."""
    middle = len(decisions) // 2
    at_ms = decisions[middle].decided_at_ms
    releases = [
        Decision(
            decision_id=f"release {name}",
            subject_kind="account",
            subject_id=name,
            action="release",
            reasons=(),
            score=0.0,
            decided_at_ms=at_ms,
            expires_at_ms=at_ms + 7_200_000,
            policy_version=WATCHFUL.version,
            model_version=REVIEWER,
            shadow=False,
            sequence=1,
        )
        for name in sorted(accounts(decisions))[::2]
    ]
    numbers: Counter[str] = Counter()
    numbered = []
    for it in (*decisions[:middle], *releases, *decisions[middle:]):
        numbers[it.subject_id] += 1
        numbered.append(msgspec.structs.replace(it, sequence=numbers[it.subject_id]))
    return numbered


def accounts(decisions: list[Decision]) -> set[str]:
    own = {it.subject_id for it in decisions if it.subject_kind == "account"}
    return own.union(*(it.members for it in decisions))


@pytest.mark.parametrize("released", [False, True])
def test_what_is_in_force_about_an_account_is_what_a_gateway_enforces(
    decisions: list[Decision], released: bool
) -> None:
    decisions = with_releases(decisions) if released else decisions
    moments = {at + off for it in decisions for at in (it.decided_at_ms, it.expires_at_ms) for off in (-1, 0, 60_000)}
    histories = {name: History(name) for name in accounts(decisions)}
    for history in histories.values():
        history.take_all(decisions)
    seen = set()
    for at_ms in sorted(moments):
        gateway = InForce()
        for decision in decisions:
            if decision.decided_at_ms <= at_ms:
                gateway.take(decision)
        for name, history in histories.items():
            found = explain(history, WATCHFUL, at_ms)
            enforced = [it.action for it in found.forces if it.state == "enforced"] if found else []
            standing = gateway.over_account(name, at_ms)
            answer = None if standing is None else standing.action
            assert (enforced[0] if enforced else None) == answer
            seen.add(answer)
    assert len(seen) > 1


def test_the_sum_gives_every_decision_the_score_it_has(decisions: list[Decision]) -> None:
    told = 0
    for name in {it.subject_id for it in decisions}:
        history = History(name)
        history.take_all(decisions)
        for decision in decisions:
            found = explain(history, WATCHFUL, decision.decided_at_ms)
            for case in found.cases if found else ():
                assert (case.same_policy, case.same_score, case.judgement.score) == (True, True, case.score)
                told += 1
    assert told
