"""A worker that registers with the runtime at the given port, says so, and then only listens. Run as a program."""

import asyncio
import sys

from runtime_client._transport import GrpcTransport
from slct_runtime.wire.work import Register


async def main(port: str) -> None:
    session = await GrpcTransport(f"127.0.0.1:{port}").serve(Register("program", (), 1, 1))
    print("registered", flush=True)
    while await session.take():
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
