"""Which tiles cover a scene, how a network sees them, and how their answers are joined."""
