"""Sound layers, each formulated in its own way, which no law may blame.

They stand for what users write: other orders of summation, other shapes on the way, other
conventions of calling, native kernels, loops. They share no code with the reference layers nor
with the layers that faults are planted in; a module holds one idea. Python, not torch, is the
only thing that they all have in common, but for the few lines in `common`.
"""

from tnverify.power.sound.register import Sound, all_sound, sound

__all__ = ["Sound", "all_sound", "sound"]
