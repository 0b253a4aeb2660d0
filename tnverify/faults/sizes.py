"""Layers that are right on small tasks and wrong from some size on, or at some sizes alone."""
