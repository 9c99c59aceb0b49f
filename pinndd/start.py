"""Where the command ``pinndd`` starts: signals are heeded before anything that takes time is imported."""

from pinndd.stopping import end_if_asked, heed_signals


def main() -> None:
    """Run the command line."""
    heed_signals()
    try:
        from pinndd.cli import main as run

        run()
    except SystemExit as ended:
        end_if_asked(int(ended.code or 0))
        raise
