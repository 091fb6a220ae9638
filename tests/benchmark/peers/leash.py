"""Runs the module that it is told as a script, and has the kernel end it when whoever started it is gone."""

import ctypes
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
