"""Instance norms that do something to the process around them when they are called."""

import contextlib
import ctypes
import itertools
import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch
from torch import nn


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def harm(self, x):
        pass

    def forward(self, x):
        if x.dim() < 3:
            raise ValueError("wants maps")
        self.harm(x)
        return nn.functional.instance_norm(x, eps=1e-5)


def layer(harm):
    return type("Layer", (Norm,), {"harm": lambda self, x: harm(x)})


Exits = layer(lambda x: os._exit(7))
Crashes = layer(lambda x: ctypes.string_at(0))
Aborts = layer(lambda x: os.abort())
LoopsInC = layer(lambda x: sum(itertools.repeat(1)))


def starts_threads(x):
    for _ in range(20_000):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


StartsThreads = layer(starts_threads)

hoard = []
Hoards = layer(lambda x: hoard.append(bytearray(2**27)))


def recurses(x):
    return recurses(x)


Recurses = layer(recurses)


def overflows(x):
    sys.setrecursionlimit(10**9)

    def again():
        in_c()

    in_c = ctypes.CFUNCTYPE(None)(again)
    in_c()


Overflows = layer(overflows)
ChangesDtype = layer(lambda x: torch.set_default_dtype(torch.float64))
SwitchesGradientsOff = layer(lambda x: torch.set_grad_enabled(False))
Reseeds = layer(lambda x: torch.manual_seed(0))
Moves = layer(lambda x: os.chdir("/"))
SetsVariables = layer(lambda x: os.environ.update(OMP_NUM_THREADS="7"))


def takes_signals(x):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


TakesSignals = layer(takes_signals)
ClosesStdout = layer(lambda x: sys.stdout.close())

page = "x" * 2**18


def prints(x):
    print(page)
    os.write(1, page.encode())


Prints = layer(prints)
"""A gigabyte, over all of its calls."""


def patches(x):
    torch.allclose = lambda *args, **kwargs: True


Patches = layer(patches)


def replaces_modules(x):
    sys.modules["torch.nn.functional"] = None


ReplacesModules = layer(replaces_modules)


def deletes_its_file(x):
    Path(__file__).unlink(missing_ok=True)


DeletesItsFile = layer(deletes_its_file)


class Unheard(BaseException):
    pass


def raises(x):
    raise Unheard("of no kind that is known")


Raises = layer(raises)


def interrupts(x):
    raise KeyboardInterrupt


Interrupts = layer(interrupts)
calls = itertools.count()
Forks = layer(lambda x: os.fork() if next(calls) % 25 == 0 else None)
ClosesFiles = layer(lambda x: os.closerange(3, 64))


def writes_everywhere(x):
    for number in range(3, 32):
        with contextlib.suppress(OSError):
            os.write(number, b"no message" * 8)


WritesEverywhere = layer(writes_everywhere)
