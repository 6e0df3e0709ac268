"""Knowledge: what a report may quote, kept in collections and found by words and by meaning.

Belongs here: reading documents (:mod:`.parsing`), cutting them (:mod:`.chunks`), embedding
(:mod:`.embed`), keeping (:mod:`.stores`) and finding them (:mod:`.base`). Does not belong here:
what a narrative makes of a passage (:mod:`reports.narrative`), numbers (:mod:`reports.facts`).
Start reading at :mod:`.base`. A text found is data: nothing here interprets it.
"""
