"""The gRPC server in a process of its own, to be killed or frozen: `python -m tests.gateways.served PORT`."""

import asyncio
import sys

from prometheus_client import CollectorRegistry

from agents.enforcement.envoy import Counted, EnvoyOptions, EnvoyServer
from tests.gateways.gated import gate


async def serve(port: int) -> None:
    """Until the process is ended."""
    options = EnvoyOptions(address=f"127.0.0.1:{port}")
    async with EnvoyServer(gate(), Counted(CollectorRegistry()), options):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
