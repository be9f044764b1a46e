"""From a trained network to a sealed detector that knows its threshold, its temperature and what it is worth."""
