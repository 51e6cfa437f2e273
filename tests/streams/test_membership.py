"""What becomes of what is in force against a campaign when the evidence asks for something else."""

import pytest

from streams.accounts import Enforcement
from streams.decisions import Action
from streams.evidence import Rotation
from streams.membership import kept_up

NOW_MS = 1_000


@pytest.mark.parametrize(
    ("standing", "wanted", "is_a_tools", "kept"),
    [
        ("throttle", "observe", False, "throttle"),
        ("throttle", "observe", True, "observe"),
        ("throttle", "throttle", True, "throttle"),
        ("throttle", "challenge", True, "challenge"),
        ("challenge", "observe", True, "challenge"),
        ("suspend", "throttle", True, "suspend"),
        ("observe", "throttle", True, "throttle"),
        ("release", "observe", True, "observe"),
    ],
)
def test_to_ask_for_less_frees_nobody_but_of_a_throttle_for_a_tools_commands(
    standing: Action, wanted: Action, is_a_tools: bool, kept: Action
) -> None:
    rotation = Rotation(is_a_tools=is_a_tools)
    assert kept_up(Enforcement(standing, NOW_MS + 1), wanted, rotation, NOW_MS) == kept
    assert kept_up(Enforcement(standing, NOW_MS), wanted, rotation, NOW_MS) == wanted, "what expired is not kept up"
