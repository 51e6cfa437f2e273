"""Enforcement: what a gateway asks before it forwards a request, and everything that lets it be answered."""
