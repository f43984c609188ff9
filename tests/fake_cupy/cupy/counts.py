"""What the tests count. CuPy has nothing of the kind."""

from dataclasses import dataclass


@dataclass
class Counts:
    """to_device and to_host: copies, and whatever else makes the host wait for a number; launches: of kernels."""

    to_device: int = 0
    to_host: int = 0
    launches: int = 0

    def reset(self):
        self.to_device = self.to_host = self.launches = 0


fake_counts = Counts()
