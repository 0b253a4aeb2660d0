"""Sound learners, predictors and evaluations, as unusual as the planted ones.

No law may blame them. They share no code with those that faults are planted in, and little
with one another.
"""

from tnverify.power.sound.learners.register import SoundSubject, all_sound, sound

__all__ = ["SoundSubject", "all_sound", "sound"]
