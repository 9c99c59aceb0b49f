"""``python -m pinndd``."""

from pinndd.start import main

if __name__ == "__main__":
    main()
