"""The three layers on disk: names, files, landing, publishing and what to do after a crash."""
