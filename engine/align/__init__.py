"""Maps between spaces: numbers in, numbers out, nothing but numpy."""
