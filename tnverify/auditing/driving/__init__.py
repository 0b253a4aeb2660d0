"""How learners, predictors and evaluations are found, built and called."""
