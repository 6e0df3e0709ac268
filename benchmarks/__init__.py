"""How fast Weir is, measured against bare loops that do the same work.

Belongs here: benches, their baselines, private servers for them, the table and the JSON that
they print. Does not belong here: tests (no figure here makes a test fail) and anything that
the project itself imports.
"""
