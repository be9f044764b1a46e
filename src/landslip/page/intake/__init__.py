"""What touches an upload: received under names of our own, checked by content, read in a process of its own."""
