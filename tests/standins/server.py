"""What the stand-ins have in common: a server on this machine that may be stopped at any moment."""

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Self, TypeVar


class StandIn:
    """A server as a context manager."""

    address = "127.0.0.1"
    port: int  # 0: a free one, known once it is started
    lock: threading.RLock
    _server: "Server[Any] | None" = None

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What answers its requests."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serve, from a thread; after a stop again on the same port."""
        with self.lock:
            self._server = server = Server(self)
            self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop at once, in the middle of answers too."""
        with self.lock:
            server, self._server = self._server, None
            if server:
                server.shutdown()
                server.server_close()
                server.hang_up()

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        with self.lock:
            return self._server is not None


S = TypeVar("S", bound=StandIn)


class Server(ThreadingHTTPServer, Generic[S]):
    """Knows the stand-in that it serves for, and the connections that are open."""

    request_queue_size = 128

    def __init__(self, standin: S) -> None:
        self.standin = standin
        self._connections: set[Any] = set()
        super().__init__((standin.address, standin.port), standin.handler())

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Kept-alive connections would go on being answered otherwise."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients may go when they like
            super().handle_error(request, client_address)
