"""The Streamlit page (extra `page`)."""
