"""Small checkpoints with random weights, complete in every other way, as real ones lie on disk."""
