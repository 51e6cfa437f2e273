"""Envoy asks over gRPC before it forwards a request: by ext_authz (v3) or by the rate limit service (v3)."""

from agents.enforcement.envoy.counting import Counted
from agents.enforcement.envoy.options import EnvoyOptions, Tls, read_options
from agents.enforcement.envoy.server import EnvoyServer

__all__ = ["Counted", "EnvoyOptions", "EnvoyServer", "Tls", "read_options"]
