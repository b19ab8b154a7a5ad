"""Figures for people: printed, never asserted."""
