"""Enforcement: what a gateway asks before it forwards a request, and everything that lets it be answered."""

from agents.enforcement.checking import Checker, Limiter
from agents.enforcement.gate import Gate
from agents.enforcement.metrics import EnforcementMetrics

__all__ = ["Checker", "EnforcementMetrics", "Gate", "Limiter"]
