"""The outside world in small: systems that sources of each kind can be connected to.

Belongs here: a shop whose orders change, and the ways in which it is seen from outside (a web API,
a database, ...), run as one process. Does not belong here: connectors, topics, the lake.
"""
