"""How the integers of an I-frame and of a P-frame are chosen."""
