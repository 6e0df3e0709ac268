"""Narrative: facts and passages in, checked paragraphs out.

Belongs here: what a narrator is told (:mod:`.brief`), two narrators (:mod:`.template`,
:mod:`.model`) and the loop that lets only checked text through (:mod:`.write`). Does not belong
here: computing a number (:mod:`reports.facts`), judging a sentence (:mod:`reports.guard`), the
look of a page (:mod:`reports.page`). Next room: :mod:`reports.guard`.
"""
