"""gunicorn as the alternative server; `ml_service web` sets the three variables from the settings."""

import os
import socket

from gunicorn import util

from ml_service.web.problems import problem

bind = os.environ.get("ML_SERVICE_BIND", "127.0.0.1:5000")
workers = int(os.environ.get("ML_SERVICE_WEB_WORKERS", "1"))
worker_class = "gthread"
threads = int(os.environ.get("ML_SERVICE_WEB_THREADS", "64"))

# The default of 2 s closes idle connections just when clients use them again.
keepalive = 75
# Within the 30 s in which the whole service stops.
graceful_timeout = 25

# The service writes one line per request itself.
accesslog = None
errorlog = "-"
loglevel = "warning"

# Nothing steers gunicorn from outside: the supervisor alone starts and stops it.
control_socket_disable = True


def write_error(connection: socket.socket, status: int, reason: str, message: str) -> None:
    """What gunicorn refuses by itself, before it is a request, gets a problem body instead of its HTML page."""
    if status == 501:
        # A transfer coding that nobody knows is the caller's mistake, not ours.
        status, reason = 400, "Bad Request"
    code = reason.lower().replace(" ", "_")
    answer = problem(status, code, message or reason)
    body = answer.get_data()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(connection, head.encode("latin-1") + body)


util.write_error = write_error
