"""What turns raw inner products into scores that may be compared across galleries."""
