"""Explaining: what is in force about one subject and why, from decisions alone. It decides nothing."""

from streams.explaining.changes import Change, Way, changes_of
from streams.explaining.explanation import Explanation, explain
from streams.explaining.history import History, Pays
from streams.explaining.judgement import Judgement, Step, Weighed, judge
from streams.explaining.standing import Force

__all__ = [
    "Change",
    "Explanation",
    "Force",
    "History",
    "Judgement",
    "Pays",
    "Step",
    "Way",
    "Weighed",
    "changes_of",
    "explain",
    "judge",
]
