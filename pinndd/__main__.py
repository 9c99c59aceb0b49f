"""``python -m pinndd``."""

from pinndd.cli import main

if __name__ == "__main__":
    main()
