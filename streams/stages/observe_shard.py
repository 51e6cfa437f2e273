"""What one partition of requests keeps beside its accounts."""

from msgspec import Struct, field

from streams.anomaly import Drift
from streams.decide import Budget
from streams.feedback import Reached

SHARD = "shard"


class ObserveShard(Struct, array_like=True):
    """How many accounts it has, its share of the blast radius, the drift, and how far the feedback was taken."""

    subjects: int = 0
    budget: Budget = field(default_factory=Budget)
    drift: Drift = field(default_factory=Drift)
    feedback: Reached = field(default_factory=Reached)
