"""How the processor's memory is handed out while tensors of one size come and go."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST_MMAP_THRESHOLD = 2**25  # that glibc takes
KEPT_BYTES = 2**30


@functools.cache
def keep_memory() -> None:
    """Let the process keep up to 1 GiB of freed memory for the tensors of the next step.

    By default glibc gives each large tensor's pages back to the kernel, which clears them anew for the next one: a
    sixth of the time of a convolutional step.
    """
    if platform.libc_ver()[0] == "glibc":
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
            mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
