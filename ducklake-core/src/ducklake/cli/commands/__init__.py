"""One module a command, imported when it is typed; what is heavy is imported inside the functions."""
