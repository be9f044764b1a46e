"""Synthetic ground: mountains, their cover and their landslides, made by rule; never to be taken for a real place."""
