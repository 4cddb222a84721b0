"""A WebSocket client by the package websockets: sends messages of telling lengths and compares what comes back."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

LENGTHS = [0, 1, 125, 126, 4096, 65535, 65536, 200_000]


async def talk(url, compression, counts):
    async with connect(url, compression=compression, max_size=None) as socket:
        counts["opens"] += 1
        counts["compressed"] += any(e.name == "permessage-deflate" for e in socket.protocol.extensions)
        for length in LENGTHS:
            for message in ["aß7 " * (length // 5), bytes(at * at % 251 for at in range(length))]:
                await socket.send(message)
                assert await socket.recv() == message, length
                counts["messages"] += 1
                counts["bytes"] += len(message.encode() if isinstance(message, str) else message)
        await (await socket.ping(b"are you there?"))
    assert socket.protocol.close_rcvd is not None and socket.protocol.close_rcvd.code == 1000
    counts["proper_closes"] += 1


async def main():
    url, compression = sys.argv[1], "deflate" if sys.argv[2] == "deflate" else None
    counts = {"opens": 0, "proper_closes": 0, "messages": 0, "bytes": 0, "compressed": 0}
    await asyncio.gather(*(talk(url, compression, counts) for _ in range(int(sys.argv[3]))))
    print("counted", json.dumps(counts), flush=True)


asyncio.run(main())
