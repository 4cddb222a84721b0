// A WebSocket client by the package ws: sends messages of telling lengths and compares what comes back.
const assert = require("node:assert");
const { WebSocket } = require("ws");

const [url, how, sockets] = process.argv.slice(2);
const deflate = how === "deflate" && { threshold: 0 };
const counts = { opens: 0, proper_closes: 0, messages: 0, bytes: 0, compressed: 0 };
const said = [0, 1, 125, 126, 4096, 65535, 65536, 200_000].flatMap((length) => [
    "aß7 ".repeat(Math.floor(length / 5)),
    Buffer.from(Array.from({ length }, (_, at) => (at * at) % 251)),
]);

for (let number = 0; number < Number(sockets); number += 1) {
    const socket = new WebSocket(url, { perMessageDeflate: deflate, maxPayload: 0 });
    let next = 0;
    socket.on("open", () => {
        counts.opens += 1;
        counts.compressed += socket.extensions.includes("permessage-deflate") ? 1 : 0;
        socket.send(said[0]);
    });
    socket.on("message", (data, isBinary) => {
        assert.strictEqual(isBinary, typeof said[next] !== "string");
        assert.ok(data.equals(Buffer.from(said[next])), String(next));
        counts.messages += 1;
        counts.bytes += data.length;
        next += 1;
        if (next < said.length) socket.send(said[next]);
        else socket.ping("are you there?");
    });
    socket.on("pong", () => socket.close(1000));
    socket.on("close", (code) => {
        assert.strictEqual(code, 1000);
        counts.proper_closes += 1;
        if (counts.proper_closes === Number(sockets)) console.log("counted " + JSON.stringify(counts));
    });
}
