"""State of the server and of visitor sessions; how the page is served."""
