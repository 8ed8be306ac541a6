"""The whole desk in one file, and back: database and files, checked byte by byte."""
