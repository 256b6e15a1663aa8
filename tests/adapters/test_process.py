"""How a process hears that it shall stop, and how it shuts its door."""

import os
import signal
import subprocess
import sys
import threading
import time

from ml_service.adapters.process import Stop

DOOR = """
import socket
from ml_service.adapters.process import shut_door

listener = socket.create_server(("127.0.0.1", 0))
inside = socket.create_connection(listener.getsockname())
queued = socket.create_connection(listener.getsockname())
served, _ = listener.accept()
shut_door()

late = socket.socket()
late.settimeout(0.3)
try:
    late.connect(listener.getsockname())
    print("late: let in")
except TimeoutError:
    print("late: no answer")

inside.sendall(b"one")
print("inside:", served.recv(9))
queued.sendall(b"two")
print("queued:", listener.accept()[0].recv(9))
"""

ASLEEP = """
import signal, threading
from ml_service.adapters.process import wake_for_signals

wake_for_signals()
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
lock = threading.Lock()
lock.acquire()

def take_the_signal():
    # This thread alone may receive it: the main one sleeps on.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    print("ready", flush=True)
    threading.Event().wait()

threading.Thread(target=take_the_signal, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
told.wait()
print("told", flush=True)
"""

APART = """
import sys
from ml_service.adapters.process import apart

loaded = []

def work(said):
    loaded.append("much")
    return said

print(apart(lambda: work(True)), apart(lambda: work(False)), loaded, flush=True)
apart(lambda: sys.exit("no room"))
print("never")
"""


def test_work_done_apart_is_answered_and_leaves_nothing_behind_and_its_trouble_ends_both() -> None:
    ended = subprocess.run([sys.executable, "-c", APART], capture_output=True, text=True, timeout=20)

    assert ended.stdout == "True False []\n"
    assert ended.stderr == "no room\n"
    assert ended.returncode == 1


def test_work_done_apart_that_is_killed_ends_the_one_that_waits_for_it() -> None:
    killed = "import os, signal\nfrom ml_service.adapters.process import apart\n"
    killed += "apart(lambda: os.kill(os.getpid(), signal.SIGKILL))\nprint('never')"

    ended = subprocess.run([sys.executable, "-c", killed], capture_output=True, text=True, timeout=20)

    assert (ended.returncode, ended.stdout) == (128 + signal.SIGKILL, "")


def test_a_shut_door_lets_nobody_in_and_serves_all_who_are_in_or_in_the_queue() -> None:
    done = run(DOOR).communicate(timeout=20)[0]

    assert done.splitlines() == ["late: no answer", "inside: b'one'", "queued: b'two'"]


def test_a_main_thread_that_sleeps_on_a_lock_acts_on_a_signal_that_another_thread_received() -> None:
    with run(ASLEEP) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.communicate(timeout=5)[0] == "told\n"
        finally:
            process.kill()


def test_a_stop_is_heard_while_it_is_waited_for() -> None:
    stop = Stop()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()

    assert stop.wait(10.0)
    assert time.monotonic() - began < 5.0
    assert stop.is_set()


def test_a_wait_without_a_stop_lasts_as_long_as_it_was_asked_to() -> None:
    began = time.monotonic()

    assert not Stop().wait(0.12)
    assert time.monotonic() - began >= 0.12


def run(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ})
