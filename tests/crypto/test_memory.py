"""Memory does not grow with the file."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import io, resource, sys, tempfile
from iexec_lab.crypto import (
    decrypt_dataset, decrypt_result, encrypt_dataset, encrypt_result, generate_dataset_key, generate_keypair,
)

class Zeros(io.RawIOBase):
    def __init__(self, size):
        self.left = size
    def readable(self):
        return True
    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        self.left -= count
        buffer[:count] = bytes(count)
        return count

class Nowhere(io.RawIOBase):
    def writable(self):
        return True
    def write(self, data):
        return len(data)

def work(size):
    with tempfile.TemporaryFile() as file:
        if sys.argv[1] == "dataset":
            encrypt_dataset(Zeros(size), file, key)
            file.seek(0)
            decrypt_dataset(file, Nowhere(), key, checksum=None)
        else:
            encrypt_result(Zeros(size), file, public, legacy=sys.argv[1] == "legacy")
            file.seek(0)
            decrypt_result(file, Nowhere(), private)

def peak():
    try:  # what getrusage tells begins with the peak of whoever started this process
        with open("/proc/self/status") as status:
            [line] = [line for line in status if line.startswith("VmHWM:")]
            return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

key = generate_dataset_key()
private, public = generate_keypair(2048)
work(16_000_000)
before = peak()
work(160_000_000)
print(peak() - before)
"""


@pytest.mark.parametrize("what", ["dataset", "current", "legacy"])
def test_ten_times_the_file_takes_the_same_memory(what):
    done = subprocess.run([sys.executable, "-c", SCRIPT, what], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8_000, f"grew by {done.stdout} KB"
