"""Python environments of the peers, in .cache/peers/NAME: made from PyPI when missing or out of date, versions pinned."""

import pathlib
import shutil
import subprocess
import sys

PEERS = ("librdkafka", "river", "tensorflow-io", "torch")


class SetUpError(Exception):
    pass


def python_of(root, peer):
    return root / ".cache" / "peers" / peer / "venv" / "bin" / "python3"


def set_up(root, peer, say):
    """Errors: SetUpError, with what pip has to say."""
    wanted = root / "bench" / "peers" / f"{peer}.requirements.txt"
    folder = root / ".cache" / "peers" / peer
    installed = folder / "installed.txt"
    if installed.exists() and installed.read_text() == wanted.read_text():
        return
    say(f"setting up {peer} from PyPI")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python = python_of(root, peer)
    _run([sys.executable, "-m", "venv", folder / "venv"])
    _run([python, "-m", "pip", "install", "--quiet", "--retries", "3", "--no-deps", "--requirement", wanted])
    if peer == "torch":
        _run([python, root / "bench" / "peers" / "cuda_stand_ins.py"])
    installed.write_text(wanted.read_text())


def _run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().split("\n")
        raise SetUpError(f"{pathlib.Path(str(command[0])).name} {command[2]}: {' '.join(words[-3:])}")
