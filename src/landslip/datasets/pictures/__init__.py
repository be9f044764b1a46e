"""Pictures of labelled patches."""
