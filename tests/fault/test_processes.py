"""The laboratory's supervisor keeps watching whatever a program answers."""

import sys
from http.client import IncompleteRead
from pathlib import Path

from tests.fault.processes import Program, Supervisor


def test_a_program_whose_answer_cannot_be_read_stops_nobody_from_being_started_again(tmp_path: Path) -> None:
    answers = [IncompleteRead(b"{"), True]

    def is_ready() -> bool:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, IncompleteRead):
            raise answer
        return answer

    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    supervisor = Supervisor(tmp_path)
    try:
        supervisor.keep(Program("confused", sleep, {}, tmp_path, is_ready))
        supervisor.keep(Program("plain", sleep, {}, tmp_path))
        supervisor.wait("confused", "plain")
        first = supervisor.running["plain"].pid
        supervisor.kill("plain")
        while supervisor.running["plain"].starts < 2:
            assert supervisor._thread.is_alive()
        supervisor.wait("plain")
        assert supervisor.running["plain"].pid != first
        assert supervisor.surprises == {"confused: IncompleteRead(1 bytes read)": 1}
    finally:
        supervisor.close()
