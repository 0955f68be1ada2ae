"""Window flows: permutations, couplings and factor-out over windows of samples."""
