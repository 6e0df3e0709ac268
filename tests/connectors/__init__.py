"""Connectors against real servers and emulators; what they all do is in ``behaviour.py``."""
