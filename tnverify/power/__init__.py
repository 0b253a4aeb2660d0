"""The suite's power: what its laws catch, what they would miss, and that they never cry wolf.

Planted faults are replayed on every law (`census`), which gives the kill matrix, the score of a
profile and the curve of tasks to detection; sound layers, formulated in other ways than the
reference layers, are replayed in the same way (`alarms`) and must raise no alarm.
"""
