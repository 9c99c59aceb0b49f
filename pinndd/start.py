"""Where the command ``pinndd`` starts: signals are heeded before anything that takes time is imported."""

from pinndd.first_signals import answer_signals, end_at_once


def main() -> None:
    """Run the command line."""
    answer_signals(end_at_once)
    from pinndd.collecting import collect_later, collect_no_more
    from pinndd.stopping import end_if_asked, heed_signals
    from pinndd.surroundings import settle

    heed_signals()
    settle()
    collect_later()
    try:
        from pinndd.cli import main as run

        run()
    except SystemExit as ended:
        end_if_asked(int(ended.code or 0))
        raise
    finally:
        collect_no_more()
