"""How far an image lies from those that a detector learned from."""
