"""Delivery of a finished report: mail, Slack, portal; each recipient once.

Belongs here: who a recipient is (:mod:`.recipients`), what a message says (:mod:`.message`), how
it leaves (:mod:`.mail`, :mod:`.smtp`, :mod:`.sendgrid`, :mod:`.slack`), what was sent
(:mod:`.model`, :mod:`.log`), and sending itself (:mod:`.send`: start reading there). Does not
belong here: what a report holds (:mod:`reports.document`), how it is drawn, when it is due, and
the alert about a delivery that was given up (``sensors/deliveries.py``).
"""
