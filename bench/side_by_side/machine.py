"""What a comparison ran on. No host names: results are published."""

import os
import pathlib
import platform
import re
import subprocess


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n"):
        if line.startswith("model name"):
            return line.split(": ", 1)[1].strip()
    return platform.machine()


def has_bf16():
    """Whether the processor multiplies bfloat16 (AVX-512 BF16)."""
    return re.search(r"^flags.*\bavx512_bf16\b", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE) is not None


def cores():
    return len(os.sched_getaffinity(0))


def file_name():
    words = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    return f"{words}-{cores()}-cores"


def description():
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    system = platform.freedesktop_os_release() if hasattr(platform, "freedesktop_os_release") else {}
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_gib": round(memory / 2**30),
        "system": system.get("PRETTY_NAME", platform.system()),
    }


def load():
    """Processes that want a core, in the last minute, others' included."""
    return os.getloadavg()[0]


def commit(root):
    """Of the sources; nothing where they do not lie in a repository."""
    try:
        shown = subprocess.run(
            ["git", "-C", root, "describe", "--always", "--dirty"], capture_output=True, text=True
        )
    except OSError:
        return None
    return shown.stdout.strip() or None
