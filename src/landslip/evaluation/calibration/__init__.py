"""How far a probability can be taken at its word, and which threshold to take."""
