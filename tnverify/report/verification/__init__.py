"""The page about a run: its template, its style sheet and its script."""
