"""The parts of bench/compare. Python's standard library alone: what peers need is in environments of their own."""
