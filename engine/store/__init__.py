"""The catalogue (SQLite, the single source of truth) and the snapshots derived from it."""
