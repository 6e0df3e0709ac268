"""Delivery of a finished report: mail, Slack, portal; each recipient once.

Belongs here: what a message says (:mod:`.message`), how it looks as mail and in Slack
(:mod:`.mail`, :mod:`.slack`), the ways out (:mod:`.channels`), what was sent (:mod:`.model`,
:mod:`.log`), and sending itself (:mod:`.send`: start reading there). Does not belong here: what a
report holds (:mod:`reports.document`), how it is drawn, when it is due, the transports
(:mod:`platform_assets.messaging`), and the alert about a delivery that was given up
(``sensors/deliveries.py``).
"""
