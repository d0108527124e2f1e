"""The paper's experiments, run anew: its figures beside those measured here."""
