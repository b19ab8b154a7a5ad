"""Every benchmark, one after the other: `make bench`."""

from tests.bench import retrieval, speed

if __name__ == "__main__":
    retrieval.main()
    speed.main()
