"""Memory that is free stays with the process from pass to pass, where the system's malloc can be told so."""

import platform
import resource
import subprocess
import sys

import pytest

from recint.system import memory

FAULTS = """
import resource, torch
from recint.system.memory import GIB, give_memory_back, keep_freed_memory

def faults():
    def page_faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    before = page_faults()
    for _ in range(10):  # activations of 16 and 80 MiB, as of 100 and of 512 recurrences
        for size in (16, 80): torch.ones(size, 2**18)
    return page_faults() - before

def held():
    with open("/proc/self/statm") as pages: return int(pages.read().split()[1])

print(faults())
keep_freed_memory()
faults()
print(faults())

def given():
    before = held()
    give_memory_back(beyond=GIB)
    return before - held()

print(given())
much = [torch.ones(80, 2**18) for _ in range(11)]
end = torch.ones(2**10)  # below which malloc cannot cut off by itself
del much
print(given())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_what_a_pass_frees_is_there_for_the_next_until_much_is_given_back():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    before, after, little, much = map(int, done.stdout.split())
    assert before > 200, "or there would be nothing to mend"
    assert after < before / 10
    assert little * resource.getpagesize() < 2**20
    assert much * resource.getpagesize() > 800 * 2**20


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_a_system_whose_malloc_cannot_be_told_is_no_error(monkeypatch, error):
    def absent(*_, **__):
        raise error

    monkeypatch.setattr(memory.ctypes, "CDLL", absent)
    memory.keep_freed_memory.__wrapped__()
    memory.give_memory_back(beyond=0)
