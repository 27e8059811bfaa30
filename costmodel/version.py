"""The version of the tool, written into every run."""

VERSION = "0.1.0"
