"""Every benchmark, one after the other: `make bench`."""

from tests.bench import bridge, cold, retrieval, sounds, speed, towers, video

if __name__ == "__main__":
    for one in (retrieval, speed, cold, towers, sounds, video, bridge):
        one.main()
