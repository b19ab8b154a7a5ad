"""Delivery: the terminal."""
