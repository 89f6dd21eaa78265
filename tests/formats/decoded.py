"""What millrace makes of records: values in, rows out."""

import os
import struct
import subprocess

PROGRAM = os.environ["RECORD_ROWS"]


def as_float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def run(values, secret=None, **settings):
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    if secret is not None:
        environment["MILLRACE_SCHEMA_REGISTRY_SECRET"] = secret
    words = [f"{name.replace('_', '-')}={value}" for name, value in settings.items()]
    lines = "".join(value.hex() + "\n" for value in values)
    return subprocess.run([PROGRAM, *words], input=lines, capture_output=True, text=True, timeout=60, env=environment)


def rows(values, **settings):
    """A list of ([features], label) or, where there is no row, of the reason."""
    done = run(values, **settings)
    assert done.returncode == 0, done.stderr
    told = []
    for line in done.stdout.splitlines():
        first, _, second = line.partition(" ")
        is_row = first[0] in "-0123456789" or first.startswith("nan")
        told.append(([as_float32(float(number)) for number in first.split(",")], float(second)) if is_row else line.strip())
    return told
