"""Mutants of a user's own layer before the laws: what `tnverify power SPEC` shows.

Small changes are made to the layer's source, or to what the built layer does, and each changed
layer is held to what the original was found to be. What no law notices shows what is missing:
a claim, a task, or a law.
"""
