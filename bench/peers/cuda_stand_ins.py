#!/usr/bin/env python3
"""Makes stand-ins for the CUDA libraries that PyTorch's wheel wants to load and calls on a GPU only.

PyPI's wheel of PyTorch is built with CUDA, and `import torch` loads libraries of several GB even where everything runs
on the CPU. The stand-ins define the functions that it names, each of which ends the process if it is ever called. The
CUDA runtime itself is the real one. Needs cc and readelf, and is run with the environment's own Python.
"""

import pathlib
import re
import subprocess
import sysconfig

LIBRARIES = re.compile(r"Shared library: \[(lib(?:cublas|cublasLt|cudnn|cufft|cufile|cusolver|cusparse|cusparseLt|nccl|"
                       r"nvrtc|nvshmem_host)\.so\.\d+)\]")  # fmt: skip
FUNCTIONS = re.compile(r"\bUND (p?nccl\w+|(?:cublas|cudnn|cufft|cuFile|cusolver|cusparse|nvrtc|nvshmem)\w+)")


def read(file, what):
    return subprocess.run(["readelf", "--wide", what, file], check=True, capture_output=True, text=True).stdout


def main():
    place = pathlib.Path(sysconfig.get_path("purelib")) / "torch" / "lib"  # where its libraries look, too
    wanting = sorted(place.glob("libtorch*.so")) + [place / "libcaffe2_nvrtc.so"]
    libraries, functions = set(), set()
    for file in wanting:
        libraries |= set(LIBRARIES.findall(read(file, "--dynamic")))
        functions |= set(FUNCTIONS.findall(read(file, "--dyn-syms")))
    source = place / "stand_ins.c"
    source.write_text("".join(f"void {name}(void) {{ __builtin_trap(); }}\n" for name in sorted(functions)))
    for library in sorted(libraries):
        version = place / "stand_in.map"
        version.write_text("%s { *; };\n" % ("NVSHMEM" if "nvshmem" in library else library))
        subprocess.run(
            ["cc", "-w", "-shared", "-fPIC", "-fno-builtin", f"-Wl,-soname,{library}",
             f"-Wl,--version-script={version}", "-o", place / library, source],
            check=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
