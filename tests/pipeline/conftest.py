"""Fixtures for tests of permissions, which root may otherwise ignore."""

import os
import shutil
import subprocess

import pytest


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """What to put before a command so that permissions count for it, whoever runs the tests.

    Skips the test where that cannot be had.
    """
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("root here cannot do without its right to read everything")
    return prefix
