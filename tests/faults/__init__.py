"""Faults put into seehear on purpose: kills, lost power, failing disks, flipped bytes."""
