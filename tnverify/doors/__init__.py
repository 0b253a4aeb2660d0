"""Ways in beside the command line: Python, users' own test suites, and a project's settings."""
