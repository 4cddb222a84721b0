// Node's own servers, with a line in the log for each request. Names in brackets are replaced.
"use strict";
const fs = require("fs");
const http = require("http");
const https = require("https");

const log = fs.openSync("[DIRECTORY]/access.log", "w");
let lines = [];

function flush() {
    fs.writeSync(log, lines.join(""));
    lines = [];
}

function answer(request, response) {
    const { socket } = request;
    socket.requests = (socket.requests ?? 0) + 1;
    const status = request.url === "/hello" ? 200 : 404;
    lines.push(`request ${status} ${socket.requests}\n`);
    if (lines.length >= 1000) flush();
    response.writeHead(status, { "Content-Type": "text/plain", "Content-Length": 6 });
    response.end("throng");
}

const certificate = {
    cert: fs.readFileSync("[DIRECTORY]/cert.pem"),
    key: fs.readFileSync("[DIRECTORY]/key.pem"),
};

function listen(server, address, ready) {
    const [host, port] = address.split(":");
    server.keepAliveTimeout = 60_000;
    server.listen({ host, port: Number(port), backlog: 2048 }, ready);
}

// The plain one last: whoever can connect to it finds both.
listen(https.createServer(certificate, answer), "[HTTPS]", () => listen(http.createServer(answer), "[HTTP]"));

process.on("SIGTERM", () => {
    flush();
    process.exit(0);
});
