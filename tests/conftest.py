"""For all tests of the repository."""

import os


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for processes and servers a third of their time."""
    return (os.cpu_count() or 1) + 1
