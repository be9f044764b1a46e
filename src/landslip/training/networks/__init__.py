"""Networks: catalogue, construction, pre-trained weights, normalisation, spectral indices."""
