"""Known data sets: find or download their files, read them, and generate synthetic ones."""
