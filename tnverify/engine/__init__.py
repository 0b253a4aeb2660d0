"""The engine: draw once, check everything, shrink twice."""
