"""The pictures of a study, one a file, drawn with matplotlib's object-oriented interface (no global state, no display)."""
