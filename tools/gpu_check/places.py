"""Where the programs to run lie: in a build of this checkout, or in an unpacked bundle."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import typing

MANIFEST = "manifest.json"


class Unready(Exception):
    """What cannot be built, found or made, and what to do."""


@dataclasses.dataclass(frozen=True)
class Place:
    root: pathlib.Path  # where the programs run: tests/golden and bench/peers are below it
    programs: pathlib.Path
    tests: typing.Tuple[str, ...]
    results: pathlib.Path
    version: str
    commit: str  # with "+changes" where files differ from it
    libraries: typing.Optional[pathlib.Path] = None  # of a bundle: what the host need not have
    sanitizer: typing.Optional[pathlib.Path] = None  # a compute-sanitizer, for hosts without

    @property
    def benchmark(self):
        return self.programs / "gpu_step_bench"

    @property
    def peers(self):
        return self.root / "bench/peers/torch_step.py"

    def environment(self, of_ours=True):
        """That of our programs or of others. TF32 is what each asks for, not what the environment says."""
        environment = dict(os.environ)
        environment.pop("NVIDIA_TF32_OVERRIDE", None)
        if self.libraries and of_ours:
            paths = [str(self.libraries), environment.get("LD_LIBRARY_PATH", "")]
            environment["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))
        return environment


def is_bundle(root):
    return (root / MANIFEST).exists()


def of_bundle(root):
    manifest = json.loads((root / MANIFEST).read_text())
    sanitizer = root / "sanitizer/bin/compute-sanitizer"
    return Place(
        root=root,
        programs=root / "programs",
        tests=tuple(manifest["tests"]),
        results=root / "results",
        version=manifest["version"],
        commit=manifest["commit"],
        libraries=root / "lib",
        sanitizer=sanitizer if sanitizer.exists() else None,
    )


def of_checkout(root, built=None):
    """Builds the programs, unless the build `built` has them."""
    build = (built or root / "build/cuda").resolve()
    if not built:
        _build(root)
    listed = build / "device/tests.txt"
    if not listed.exists():
        raise Unready(f"{build} is no build of the preset cuda; `cmake --preset cuda` makes one")
    tests = tuple(listed.read_text().split())
    for program in (*tests, "gpu_step_bench"):
        if not (build / "device" / program).exists():
            raise Unready(f"{build} has no {program}; `cmake --build {build} --target device_programs` makes it")
    sanitizer = root / ".cache/cuda/sanitizer/bin/compute-sanitizer"
    return Place(
        root=root,
        programs=build / "device",
        tests=tests,
        results=root / "bench/results",
        version=re.search(r"project\(millrace VERSION ([\d.]+)", (root / "CMakeLists.txt").read_text())[1],
        commit=_commit(root),
        sanitizer=sanitizer if sanitizer.exists() else None,
    )


def _build(root):
    for command in (
        ["tools/setup", "--for", "build", "--for", "cuda"],
        ["cmake", "--preset", "cuda"],
        ["cmake", "--build", "build/cuda", "--parallel", str(os.cpu_count() or 1), "--target", "device_programs"],
    ):
        try:
            subprocess.run(command, cwd=root, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unready(f"the programs cannot be built: {error}") from None


def _commit(root):
    if not shutil.which("git"):
        return "unknown"

    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=False)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    head = git("rev-parse", "HEAD")
    if head is None:
        return "unknown"
    return head + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
