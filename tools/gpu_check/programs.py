"""Runs programs and keeps what they print."""

import dataclasses
import subprocess
import time


@dataclasses.dataclass(frozen=True)
class Run:
    status: int  # negative: the signal that ended it
    out: str
    error: str
    seconds: float
    timed_out: bool = False

    def last_lines(self, count=3):
        """What it said at the end, on one line."""
        lines = [line.strip() for line in (self.out + "\n" + self.error).splitlines() if line.strip()]
        return "; ".join(lines[-count:])


def run(command, place, timeout_s, of_ours=True):
    begin = time.monotonic()
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, cwd=place.root, env=place.environment(of_ours), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout_s, check=False)
        status, out, error, timed_out = done.returncode, done.stdout, done.stderr, False
    except subprocess.TimeoutExpired as late:
        status, out, error, timed_out = -9, late.stdout or b"", late.stderr or b"", True
    except OSError as refused:
        status, out, error, timed_out = 127, b"", str(refused).encode(), False
    seconds = round(time.monotonic() - begin, 1)
    return Run(status, out.decode(errors="replace"), error.decode(errors="replace"), seconds, timed_out)
