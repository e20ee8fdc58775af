"""How long one call takes, whatever it does."""

import time


def measure(call, ms):
    """The median of the nanoseconds of one call, over `ms` milliseconds."""
    samples, inner, end = [], 1, time.perf_counter_ns() + ms * 1e6
    while True:
        start = time.perf_counter_ns()
        for _ in range(inner):
            call()
        took = time.perf_counter_ns() - start
        if took < 2e5:
            inner *= 2
        else:
            samples.append(took / inner)
        if samples and time.perf_counter_ns() > end:
            return sorted(samples)[len(samples) // 2]
