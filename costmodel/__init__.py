"""costmodel: what a 3D web shop on AWS will cost, which configuration to run, and why."""

__version__ = "0.1.0"
