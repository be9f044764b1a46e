"""What people look at: the overview picture and the report."""
