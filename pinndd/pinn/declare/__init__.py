"""What a user writes: an equation, its conditions and operators; found by name and loaded."""
