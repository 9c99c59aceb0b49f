"""From boundary values to a solution field, with an estimate of its error, by dense random features."""
