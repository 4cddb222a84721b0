"""Sends back what comes by TCP and UDP, by Python's socketserver, and says on SIGTERM what it has counted. By TCP with
TLS where a directory with cert.pem and key.pem is given."""

import json
import signal
import socketserver
import ssl
import sys
import threading

lock = threading.Lock()
counts = {"opened": 0, "ended": 0, "reset": 0, "bytes": 0, "datagrams": 0, "datagram_bytes": 0}


def count(**more):
    with lock:
        for name, number in more.items():
            counts[name] += number


def tls():
    if len(sys.argv) < 2:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{sys.argv[1]}/cert.pem", f"{sys.argv[1]}/key.pem")
    return context


class Stream(socketserver.BaseRequestHandler):
    context = tls()

    def handle(self):
        count(opened=1)
        try:
            if self.context:
                self.request = self.context.wrap_socket(self.request, server_side=True, suppress_ragged_eofs=False)
            while data := self.request.recv(65536):
                count(bytes=len(data))
                self.request.sendall(data)
            count(ended=1)
            if self.context:
                self.request = self.request.unwrap()
        except ConnectionError:
            count(reset=1)


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        count(datagrams=1, datagram_bytes=len(data))
        socket.sendto(data, self.client_address)


class Streams(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


class Datagrams(socketserver.UDPServer):
    max_packet_size = 65536


def servers():
    while True:
        streams = Streams(("127.0.0.1", 0), Stream)
        try:
            return streams, Datagrams(streams.server_address, Datagram)
        except OSError:
            streams.server_close()


def main():
    both = servers()
    for server in both:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on {both[0].server_address[1]}", flush=True)
    signal.sigwait({signal.SIGTERM})
    with lock:
        print("counted " + json.dumps(counts), flush=True)


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
main()
