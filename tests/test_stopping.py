"""Ctrl-C, SIGTERM and SIGHUP: one line, exit code 130, within a second, and what was done is saved."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent another way there")

ENDING = """
import sys, time
from pathlib import Path
from pinndd.stopping import at_forced_stop, end_if_asked, heed_signals, stoppable, when_stopped
heed_signals()
when_stopped(lambda: Path(sys.argv[1]).write_text("ended"))
def say(): print("pinndd: stopped; the state is kept", file=sys.stderr)
"""
WAITING = """
print("up", flush=True)
while True: time.sleep(0.02)  # a signal between two bytecodes does not interrupt a sleep that begins then
"""
# a library that swallows the interrupt, or a factorisation that does not see it
DEAF = """
with stoppable(say), at_forced_stop(lambda: Path(sys.argv[2]).write_text("saved")):
    while True:
        try:
            print("up", flush=True)
            time.sleep(30)
        except KeyboardInterrupt:
            pass
"""
HEEDING = """
with stoppable(say) as answer:
    try:
        print("up", flush=True)
        time.sleep(30)
    except KeyboardInterrupt:
        answer()
        answer()
end_if_asked()
"""
COMMAND = """
import sys, time, types
cli = types.ModuleType("pinndd.cli")
def main():
    print("up", flush=True)
    time.sleep(30)
cli.main = main
sys.modules["pinndd.cli"] = cli
from pinndd.start import main
main()
"""
# signals that come before pinndd.stopping is imported
FIRST = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "pinndd.collecting":
            print("up", flush=True)
            time.sleep(30)
sys.meta_path.insert(0, Slow())
from pinndd.start import main
main()
"""


def stopped(code, number, *arguments, ignored=()):
    """Run code until it says that it is up, send the signal, and return exit code, standard error and seconds."""

    def before():
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN if each in ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
    assert process.stdout.readline() == "up\n"
    since = time.monotonic()
    process.send_signal(number)
    if number in ignored:
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    return process.returncode, said, time.monotonic() - since


@pytest.mark.parametrize("start", [COMMAND, FIRST], ids=["command", "first"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_before_anything_has_begun_the_command_ends_at_once(number, start):
    code, said, seconds = stopped(start, number)
    assert (code, said) == (130, "pinndd: stopped; nothing was written\n")
    assert seconds < 1


def test_what_does_not_see_the_interrupt_is_saved_and_ended(tmp_path):
    code, said, seconds = stopped(ENDING + DEAF, signal.SIGTERM, tmp_path / "ended", tmp_path / "saved")
    assert (code, said) == (130, "pinndd: stopped; the state is kept\n")
    assert (tmp_path / "ended").read_text() == "ended"
    assert (tmp_path / "saved").read_text() == "saved"
    assert seconds < 1.5


def test_what_sees_it_says_so_once_and_ends(tmp_path):
    code, said, seconds = stopped(ENDING + HEEDING, signal.SIGHUP, tmp_path / "ended")
    assert (code, said) == (130, "pinndd: stopped; the state is kept\n")
    assert (tmp_path / "ended").exists()
    assert seconds < 0.6


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    """As nohup wants it."""
    code, said, _ = stopped(ENDING + WAITING, signal.SIGHUP, tmp_path / "ended", ignored=(signal.SIGHUP,))
    assert (code, said) == (130, "pinndd: stopped; nothing was written\n")


@pytest.mark.parametrize(
    ("after", "fails", "said"),
    [
        ("", False, "stopped; nothing was written"),
        ("all is done", False, "stopped; all is done"),
        ("all is done", True, "stopped"),
    ],
)
def test_after_the_work_what_is_true_then_is_said(tmp_path, after, fails, said):
    code = ENDING + f"""
from contextlib import suppress
with stoppable(say, after={after!r}):
    pass
with suppress(ValueError), stoppable(say):
    if {fails}:
        raise ValueError
""" + WAITING
    assert stopped(code, signal.SIGINT, tmp_path / "ended")[:2] == (130, f"pinndd: {said}\n")
