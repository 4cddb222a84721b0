"""A WebSocket server by the package websockets: sends every message back, and says at its end what it has counted."""

import asyncio
import json
import signal
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

counts = {"opens": 0, "proper_closes": 0, "messages": 0, "unanswered": 0, "bytes": 0, "compressed": 0}


async def echo(socket):
    counts["opens"] += 1
    counts["compressed"] += any(e.name == "permessage-deflate" for e in socket.protocol.extensions)
    try:
        async for message in socket:
            counts["messages"] += 1
            counts["bytes"] += len(message.encode() if isinstance(message, str) else message)
            try:
                await socket.send(message)
            except ConnectionClosed:
                # It came together with the close, which has been answered by now.
                counts["unanswered"] += 1
    except ConnectionClosed:
        pass
    counts["proper_closes"] += socket.protocol.close_rcvd is not None


async def main():
    compression = "deflate" if sys.argv[1] == "deflate" else None
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with serve(echo, "127.0.0.1", 0, compression=compression, max_size=None) as server:
        print("listening on", server.sockets[0].getsockname()[1], flush=True)
        await stop
    print("counted", json.dumps(counts), flush=True)


asyncio.run(main())
