"""What was asked for: requests by capability, kept by day for 28 days."""

from streams.events import CAPABILITIES, Capability

CapabilityDays = dict[int, dict[int, int]]
"""Day since the epoch -> position in `CAPABILITIES` -> requests."""

POSITION: dict[Capability, int] = {name: position for position, name in enumerate(CAPABILITIES)}
