"""Features: side information about users and items as numbers."""
