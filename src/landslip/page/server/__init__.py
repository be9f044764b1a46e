"""State of the server and of user sessions; how the page is served."""
