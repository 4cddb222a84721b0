// A WebSocket server by the package ws: sends every message back, and says at its end what it has counted.
const { WebSocketServer } = require("ws");

const counts = { opens: 0, proper_closes: 0, messages: 0, bytes: 0, compressed: 0 };
const deflate = process.argv[2] === "deflate" && { threshold: 0 };
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: deflate, maxPayload: 0 });

server.on("connection", (socket) => {
    counts.opens += 1;
    counts.compressed += socket.extensions.includes("permessage-deflate") ? 1 : 0;
    socket.on("message", (data, isBinary) => {
        counts.messages += 1;
        counts.bytes += data.length;
        socket.send(data, { binary: isBinary });
    });
    socket.on("close", (code) => {
        counts.proper_closes += code === 1006 ? 0 : 1;
    });
});
server.on("listening", () => console.log("listening on " + server.address().port));
process.on("SIGTERM", () => {
    console.log("counted " + JSON.stringify(counts));
    process.exit(0);
});
