"""What NVIDIA's driver says, before anything is built or run."""

import ctypes
import re
import shutil
import subprocess

FIRST_DRIVER = 580  # of CUDA 13
FIRST_CUDA = 13000
NO_GPU = 100  # CUDA_ERROR_NO_DEVICE


class NoDevice(Exception):
    """Why, with the remedy in brackets."""


def trouble(library):
    """Of a loaded libcuda, or None where there is none. The words are those of `millrace doctor`."""
    if library is None:
        return f"there is no NVIDIA driver (install version {FIRST_DRIVER} or newer)"
    version, devices = ctypes.c_int(), ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    if version.value < FIRST_CUDA:
        known = f"{version.value // 1000}.{version.value % 1000 // 10}"
        return f"the NVIDIA driver knows CUDA {known}, and 13.0 is needed (install driver {FIRST_DRIVER} or newer)"
    status = library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(devices))
    if status == NO_GPU or (status == 0 and devices.value == 0):
        return "the NVIDIA driver shows no GPU (CUDA_VISIBLE_DEVICES may hide it, or the container lacks --gpus)"
    if status != 0:
        return f"the NVIDIA driver does not answer: CUDA error {status} (nvidia-smi may say more)"
    return None


def require():
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        library = None
    reason = trouble(library)
    if reason:
        raise NoDevice(reason)


def version():
    """"580.65.06", or None where nothing tells."""
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if said.returncode == 0 and said.stdout.strip():
            return said.stdout.decode().split()[0]
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:
            found = re.search(r"(\d{3}\.[\d.]+)", file.read())
    except OSError:
        return None
    return found[1] if found else None
