"""``weir``: every command, what it prints, and the tour of ``weir run``.

Belongs here: commands, each in a module with ``register(app)``, and launching Dagster's runs from
the shell. Does not belong here: what a command does (the rooms). What is heavy is imported inside
functions, so that ``weir --help`` stays quick. Start at :mod:`.app`.
"""
