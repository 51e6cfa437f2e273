"""Enforcement at gateways: what decisions mean for the next request, asked and answered in time."""
