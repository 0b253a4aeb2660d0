"""Auditing a whole evaluation."""
