"""Read files of ratings: text, gzip and zip."""
