"""The page: drop in an image, see the landslides.

``app`` is the script that Streamlit runs; ``views`` are what a visitor sees. Nothing here opens a visitor's file in the
server's own process: ``intake`` checks uploads and ``work`` maps them, in processes with bounded memory and time. What
these do is the package's own: the page adds no second way to make a map.
"""
