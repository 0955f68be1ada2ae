"""A run's folder: the only reader and writer of what lies in it."""
