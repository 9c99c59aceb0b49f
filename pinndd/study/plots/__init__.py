"""The pictures of a study, one per file, drawn with matplotlib's object-oriented interface (no global state, no display)."""
