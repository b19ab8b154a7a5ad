"""Maps between spaces: numbers in, numbers out; what is fitted is applied by numpy alone."""
