"""Collections over a whole library: duplicates, clusters, labels."""
