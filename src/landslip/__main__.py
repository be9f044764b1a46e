"""``python -m landslip``: the command line."""

from landslip.cli import main

if __name__ == "__main__":
    main(prog_name="landslip")
