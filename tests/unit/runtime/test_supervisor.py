"""The supervisor with real processes: crashes, stops, and its own violent death."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.runtime import locks, ports
from portal.runtime import supervisor as supervisors
from portal.runtime.demo import Demo
from portal.runtime.parts import ROOT
from portal.runtime.problems import RuntimeProblem
from portal.runtime.program import Program
from portal.runtime.supervisor import Stopping, Supervisor

PYTHON = (sys.executable, "-I", "-S", "-c")
WAIT = "import signal; signal.pause()"
ENV = {"PATH": os.defpath}
PATIENCE = 15.0


def eventually(holds: Callable[[], bool]) -> bool:
    deadline, tick = time.monotonic() + PATIENCE, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            return False
        tick.wait(0.02)
    return True


def alive(pid: int) -> bool:
    """A zombie that process 1 has not collected yet is not alive."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        if Path("/proc/self").exists():
            return False
    else:
        return state not in "ZX"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def sleeper(name: str, code: str = WAIT, **more: object) -> Program:
    return Program(name=name, argv=[*PYTHON, code], env=ENV, **more)  # type: ignore[arg-type]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "log", report=said.append) as made:
        yield made


def pid_of(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.pid_of(name)
    assert pid is not None
    return pid


def test_a_program_counts_as_started_once_it_is_ready(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    mark = tmp_path / "ready"
    code = f"open({str(mark)!r}, 'w').close(); {WAIT}"
    supervisor.start(sleeper("one", code, ready=mark.exists))
    assert mark.exists()


def test_a_program_that_ends_at_once_is_reported_with_its_last_words(
    supervisor: Supervisor,
) -> None:
    code = "import sys; sys.exit('the disk is full')"
    with pytest.raises(
        RuntimeProblem, match=r"one ended with code 1.*the disk is full"
    ):
        supervisor.start(sleeper("one", code, ready=lambda: False))


def test_a_program_that_never_gets_ready_is_reported_with_its_log(
    supervisor: Supervisor,
) -> None:
    never = sleeper("one", ready=lambda: False, ready_within=0.3)
    with pytest.raises(RuntimeProblem, match=r"one is not ready after 0 s.*one\.log"):
        supervisor.start(never)


def test_a_program_that_does_not_exist_is_named(supervisor: Supervisor) -> None:
    missing = Program(
        name="one", argv=["/nowhere/server"], env=ENV, ready=lambda: False
    )
    with pytest.raises(RuntimeProblem, match="cannot run /nowhere/server"):
        supervisor.start(missing)


def test_a_crashed_program_is_started_again(
    supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.start(sleeper("helper"))
    first = pid_of(supervisor, "helper")
    os.kill(first, signal.SIGKILL)

    def runs_anew() -> bool:
        supervisor.tend()
        return supervisor.pid_of("helper") not in {None, first}

    assert eventually(runs_anew)
    assert "helper was killed by signal 9" in said[0]
    assert said[-1] == "helper runs again."


def test_a_crashed_program_stays_down_when_told_so(
    tmp_path: Path, said: list[str]
) -> None:
    with Supervisor(tmp_path, restart=False, report=said.append) as supervisor:
        supervisor.start(sleeper("helper"))
        os.kill(pid_of(supervisor, "helper"), signal.SIGKILL)

        def reported() -> bool:
            supervisor.tend()
            return bool(said)

        assert eventually(reported)
        assert "stays down" in said[0]
        supervisor.tend()
        assert supervisor.pid_of("helper") is None


def test_a_program_that_keeps_crashing_waits_longer_each_time(
    supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "backoff", lambda failures: failures / 1000)
    supervisor.start(sleeper("helper", "raise SystemExit(7)"))

    def crashed_thrice() -> bool:
        supervisor.tend()
        return sum("ended with code 7" in line for line in said) >= 3

    assert eventually(crashed_thrice)
    waits = [line.rpartition("again in ")[2] for line in said if "again in" in line]
    assert waits[:3] == ["0.001 s.", "0.002 s.", "0.003 s."]


def test_stopping_ends_programs_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys\n"
        "def end(*_):\n"
        "    with open({path!r}, 'a') as f: f.write('{name} ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open({path!r} + '.{name}', 'w').close()\n"
        "while True: signal.pause()\n"
    )
    with Supervisor(tmp_path / "log") as supervisor:
        for name in ("database", "web"):
            mark = Path(f"{order}.{name}")
            program = code.format(path=str(order), name=name)
            supervisor.start(sleeper(name, program, ready=mark.exists))
    assert order.read_text().split() == ["web", "database"]


def test_a_program_that_ignores_the_request_is_killed_with_its_children(
    tmp_path: Path, said: list[str]
) -> None:
    mark = tmp_path / "child"
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pid = os.fork()\n"
        f"if pid: open({str(mark)!r} + '.new', 'w').write(str(pid))\n"
        f"if pid: os.rename({str(mark)!r} + '.new', {str(mark)!r})\n"
        "while True: signal.pause()\n"
    )
    with Supervisor(tmp_path / "log", report=said.append) as supervisor:
        supervisor.start(sleeper("deaf", code, ready=mark.exists, grace=0.2))
        leader, child = pid_of(supervisor, "deaf"), int(mark.read_text())
    assert eventually(lambda: not alive(leader) and not alive(child))
    assert said == ["deaf did not stop in time; killed."]


def test_a_step_passes_on_its_lines_and_its_failure(supervisor: Supervisor) -> None:
    lines: list[str] = []
    supervisor.run(sleeper("step", "print('one'); print('two')"), on_line=lines.append)
    assert lines == ["one", "two"]
    with pytest.raises(RuntimeProblem, match="step ended with code 3"):
        supervisor.run(sleeper("step", "raise SystemExit(3)"))


def test_a_stop_interrupts_a_wait(supervisor: Supervisor) -> None:
    def ask() -> bool:
        supervisor.stopping.set()
        return False

    with pytest.raises(Stopping):
        supervisor.start(sleeper("slow", ready=ask))


def test_temporary_folders_and_files_go_with_the_programs(tmp_path: Path) -> None:
    folder, file = tmp_path / "sockets", tmp_path / "demo.json"
    folder.mkdir()
    file.touch()
    with Supervisor(tmp_path / "log") as supervisor:
        supervisor.remove_at_end(folder)
        supervisor.remove_at_end(file)
        supervisor.start(sleeper("one"))
        assert folder.exists()
    assert not folder.exists()
    assert not file.exists()


def test_a_second_demo_leaves_the_running_one_alone(tmp_path: Path) -> None:
    lock = locks.take(tmp_path / "demo.lock")
    assert lock is not None
    serving = tmp_path / "demo.json"
    serving.touch()
    second = Demo(
        var_dir=tmp_path,
        host="127.0.0.1",
        port=ports.free_port(),
        restart=True,
        environ={},
        say=print,
    )
    try:
        with pytest.raises(RuntimeProblem, match="Another demo serves"):
            second.serve()
    finally:
        os.close(lock)
    assert serving.exists()


# A supervisor of its own, whose child has a child, and whose folder is temporary.
STANDALONE = """
import os, sys
from pathlib import Path
from portal.runtime.program import Program
from portal.runtime.supervisor import Supervisor
base = Path(sys.argv[1])
code = '''
import os, signal, sys
stubborn = sys.argv[1] == "stubborn"
if stubborn: signal.signal(signal.SIGTERM, signal.SIG_IGN)
pid = os.fork()
if pid:
    with open(sys.argv[2] + ".new", "w") as f: f.write(f"{os.getpid()} {pid}")
    os.rename(sys.argv[2] + ".new", sys.argv[2])
while True: signal.pause()
'''
supervisor = Supervisor(base / "log")
with supervisor.stop_on_signals(), supervisor:
    temporary = base / "temporary"
    temporary.mkdir()
    supervisor.remove_at_end(temporary)
    for name in ("meek", "stubborn"):
        mark = base / name
        argv = [sys.executable, "-I", "-S", "-c", code, name, str(mark)]
        supervisor.start(
            Program(name=name, argv=argv, env={}, ready=mark.exists, grace=0.3)
        )
    (base / "serving").touch()
    supervisor.watch()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_however_the_supervisor_ends(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", STANDALONE, str(tmp_path)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert eventually((tmp_path / "serving").exists)
        names = ("meek", "stubborn")
        pids = [
            int(pid) for name in names for pid in (tmp_path / name).read_text().split()
        ]
        assert all(map(alive, pids))
        process.send_signal(number)
        assert process.wait(PATIENCE) == code
    finally:
        process.kill()
        process.wait()
    assert eventually(lambda: not any(map(alive, pids)))
    assert eventually(lambda: not (tmp_path / "temporary").exists())
