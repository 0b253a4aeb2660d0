"""Auditing learners, predictors and evaluations: whose values reach a prediction?

`driving` finds out how a subject is called, `tasks` makes what it is called with, `asking` calls it
in worlds that are equal but for one thing, `settling` tells a leak from rounding, `laws` say what
may not matter, and `running` holds a subject to them in a process of its own.
"""
