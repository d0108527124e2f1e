"""What lies behind the region of interest."""
