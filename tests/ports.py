"""Free ports on the loopback address."""

import random
import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """A port nobody listens on, below the range from which the system picks ports for clients.

    From inside that range, an outgoing connection could take the port while its server is down; a client
    that tries to reconnect may then even be connected to itself.
    """
    # Seeded by the system: test runs on one machine must not all try the same ports.
    for port in random.SystemRandom().sample(range(20_000, 32_000), 200):
        if is_free(port):
            return port
    raise RuntimeError("no free port found")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
