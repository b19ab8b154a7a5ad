"""Files become payloads here: probed by content, then decoded to pixels, samples or passages."""
