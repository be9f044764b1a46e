"""Pictures of patches: contact sheets, and one patch in detail."""
