"""Enforcement: what decisions mean for the next request, as every gateway of ours reads them."""

from streams.enforcement.asking import Answer, Ask, Room, Verdict
from streams.enforcement.in_force import InForce, Standing, names_an_heir
from streams.enforcement.refusals import Refusal, refusal, told

__all__ = [
    "Answer",
    "Ask",
    "InForce",
    "Refusal",
    "Room",
    "Standing",
    "Verdict",
    "names_an_heir",
    "refusal",
    "told",
]
