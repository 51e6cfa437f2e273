"""Enforcement: what decisions mean for the next request, as every gateway of ours reads them."""

from streams.enforcement.asking import Answer, Ask, Room, Verdict, ask_of
from streams.enforcement.breaker import Breaker, Held
from streams.enforcement.freshness import Age, age
from streams.enforcement.in_force import ANEW_MS, InForce, Standing, names_an_heir
from streams.enforcement.refusals import Refusal, refusal, told

__all__ = [
    "ANEW_MS",
    "Age",
    "Answer",
    "Ask",
    "Breaker",
    "Held",
    "InForce",
    "Refusal",
    "Room",
    "Standing",
    "Verdict",
    "age",
    "ask_of",
    "names_an_heir",
    "refusal",
    "told",
]
