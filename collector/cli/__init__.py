"""The command line. Each command reads its arguments, asks one use case, and prints the answer."""
