"""The words that label metrics and that nothing else has a type for."""

from typing import Literal

WindowStage = Literal["observe", "networks"]
"""The stages that hold windows: of accounts, and of networks and other shared things."""

GateReason = Literal["limited", "not_finite", "shared", "strange", "taught_recently"]
"""Why a window may not teach: its subject is limited, a feature is no number, others with its payment instrument
have taught enough, it is too strange, or it just did."""

LessonOutcome = Literal["right", "wrong", "warming"]

UnmetReason = Literal["unknown", "taken_in"]
"""Why a verdict about a campaign does nothing: nobody knows the campaign, or another one took it in."""
