"""Counters for tests; CuPy has no equivalent."""

from dataclasses import dataclass


@dataclass
class Counts:
    """to_device: copies to the GPU; to_host: copies to the host and other synchronizations; launches: of kernels."""

    to_device: int = 0
    to_host: int = 0
    launches: int = 0

    def reset(self):
        self.to_device = self.to_host = self.launches = 0


fake_counts = Counts()
