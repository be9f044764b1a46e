"""From a scene and a detector to the files of a landslide map."""
