"""Networks: by the paper's names or by architecture and encoder, their starting weights, their normalisation."""
