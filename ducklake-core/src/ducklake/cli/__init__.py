"""The command `ducklake`: parses, calls `Lake`, renders. Results go to stdout; logs, progress and errors to stderr."""
