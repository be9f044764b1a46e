"""From probabilities to landslides: outlines, what is known of each, and the files that hold them."""
