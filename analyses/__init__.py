"""Programs that tell what the choice of a normalisation layer costs in accuracy and time.

An analysis may import anything of tnverify; nothing imports an analysis.
"""
