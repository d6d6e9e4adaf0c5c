"""The version of pyl2, for its metadata, too."""

VERSION = "0.1.0"
