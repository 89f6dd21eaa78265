"""The parts of tools/gpu-check. Python 3.8 and its standard library: a GPU host may have no more."""
