"""How a detector does on ground it was not trained on: regions left out, quiet ground and real scenes."""
