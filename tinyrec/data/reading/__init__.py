"""Reading files of ratings: what is in a line, a column, a zip."""
