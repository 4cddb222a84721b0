# Python's own server, with a line in the log for each request. Names in brackets are replaced.
import http.server
import signal
import ssl
import threading

log = open("[DIRECTORY]/access.log", "w", buffering=1 << 20)
log_lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: the second would wait for the peer's acknowledgement of the first.
    disable_nagle_algorithm = True
    requests = 0

    def do_GET(self):
        self.send_response(200 if self.path == "/hello" else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"throng")

    def log_request(self, code="-", size="-"):
        self.requests += 1
        with log_lock:
            log.write(f"request {int(code)} {self.requests}\n")


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 2048

    def handle_error(self, request, client_address):
        # A connection that ends before a request is none of the log's business.
        pass


def listen(address):
    host, port = address.split(":")
    return Server((host, int(port)), Handler)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("[DIRECTORY]/cert.pem", "[DIRECTORY]/key.pem")
    secure = listen("[HTTPS]")
    # Each connection's own thread shakes hands.
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
    plain = listen("[HTTP]")
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    with log_lock:
        log.flush()


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
main()
