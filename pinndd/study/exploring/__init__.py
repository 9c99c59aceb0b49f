"""A page on which somebody moves boundary values and sees the field: what it computes, and what it shows."""
