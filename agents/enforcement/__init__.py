"""Enforcement at gateways.

What a gateway in Python imports (`asgi`, `client`, `litellm_hook`) needs nothing but msgspec, xxhash and aiohttp, so
that it goes into a gateway's own environment. Nothing is imported here, to keep it so.
"""
