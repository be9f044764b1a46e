"""How a detector fares where images differ from those it knows: light, sharpness, size, clouds, lost channels."""
