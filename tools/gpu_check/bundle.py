"""Makes one archive that checks a GPU host without network, compiler or our libraries."""

import json
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

from . import places

NAME = "millrace-gpu-check"
MOST_BYTES = 64 * 1000 * 1000
SUFFIXES = (".tar.zst", ".tar.xz")
# Every Linux host of a driver that is new enough has these (glibc 2.34, GLIBCXX_3.4.30), and must use its own.
OF_THE_HOST = re.compile(r"^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s)[.-]")
COPIED = ("tools/gpu-check", "tools/gpu_check", "bench/peers/torch_step.py", "tests/golden/keras_adam.golden")


def check_name(file):
    if not file.name.endswith(SUFFIXES):
        raise places.Unready(f"--bundle makes .tar.zst or .tar.xz, not {file.name}")
    if file.name.endswith(".zst") and not shutil.which("zstd"):
        raise places.Unready("zstd is missing; install it, or name a .tar.xz")


def make(place, file):
    """The exit status. Errors: Unready."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / NAME
        lay_out(place, root)
        bytes_made = pack(root, file)
        if bytes_made >= MOST_BYTES and (root / "sanitizer").exists():
            print("gpu-check: too large with compute-sanitizer: the host's own will be used")
            shutil.rmtree(root / "sanitizer")
            bytes_made = pack(root, file)
    if bytes_made >= MOST_BYTES:
        file.unlink()
        raise places.Unready(f"the bundle has {bytes_made} bytes, and {MOST_BYTES} are too many")
    print(f"gpu-check: {file} has {bytes_made / 1e6:.1f} MB; on the GPU host, unpack it and start {NAME}/run")
    return 0


def lay_out(place, root):
    programs = [place.programs / name for name in (*place.tests, "gpu_step_bench")]
    for folder in ("programs", "lib"):
        (root / folder).mkdir(parents=True)
    for program in programs:
        run(["strip", "-o", root / "programs" / program.name, program])
    for library in libraries_of(programs):
        shutil.copy(library, root / "lib" / library.name)
    for name in COPIED:
        copy(place.root / name, root / name)
    shutil.copy(place.root / "tools/gpu_check/run", root / "run")
    if place.sanitizer:
        shutil.copytree(place.sanitizer.parent.parent, root / "sanitizer")
    manifest = {"version": place.version, "commit": place.commit, "tests": list(place.tests)}
    (root / places.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def libraries_of(programs):
    """What the programs load and a host may lack, by the name under which they ask for it."""
    found = {}
    for program in programs:
        for line in run(["ldd", program]).splitlines():
            name, _, place = line.strip().partition(" => ")
            if place == "not found":
                raise places.Unready(f"{program.name} needs {name}, which is not here")
            if place and not OF_THE_HOST.match(name):
                found[name] = pathlib.Path(place.split(" (")[0]).parent / name
    return sorted(found.values())


def pack(root, file):
    """The archive's size."""
    partial = file.with_name(file.name + ".partial")
    try:
        if file.name.endswith(".xz"):
            with tarfile.open(partial, "w:xz", preset=3) as archive:
                archive.add(root, root.name, filter=_anonymous)
        else:
            _pack_with_zstd(root, partial)
        partial.replace(file)  # whole or not there at all
    except OSError as error:
        raise places.Unready(f"{file} cannot be written: {error.strerror}") from None
    return file.stat().st_size


def _pack_with_zstd(root, file):
    # A window of 64 MiB, which every zstd unpacks: two libraries in there are the same.
    command = ["zstd", "-T0", "-10", "--long=26", "--quiet", "--force", "-o", str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as zstd:
        with tarfile.open(fileobj=zstd.stdin, mode="w|") as archive:
            archive.add(root, root.name, filter=_anonymous)
    if zstd.returncode != 0:
        raise places.Unready(f"zstd ended with status {zstd.returncode}")


def _anonymous(entry):
    """Who made it, and when, is nobody's business."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry


def run(command):
    try:
        return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError) as error:
        raise places.Unready(f"the bundle cannot be made: {error}") from None
