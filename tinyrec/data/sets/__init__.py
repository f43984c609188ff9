"""Known data sets: where their files are, how they are laid out, and synthetic ones."""
