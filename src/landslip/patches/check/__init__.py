"""Says what a folder of Landslide4Sense files holds and what is wrong with it, file by file."""
