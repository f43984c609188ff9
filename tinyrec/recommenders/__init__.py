"""What training returns: raw ids in, ratings out."""
