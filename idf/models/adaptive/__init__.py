"""The adaptive flow: predictors that learn while they code, weighed by a small trained network."""
