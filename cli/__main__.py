"""`python -m cli` is `seehear`."""

from cli.app import main

if __name__ == "__main__":
    main()
