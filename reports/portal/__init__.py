"""The portal: finished reports in a browser, for those who may read them.

Belongs here: signing in, who may read what, pages, the rows behind a number, the record of who
saw what. Does not belong here: making a report (:mod:`reports.narrative`, :mod:`reports.page`),
where it is stored (:mod:`reports.store`). Start reading at :mod:`.app`; :mod:`.addresses` and
:mod:`.cli` may be imported by other rooms, they load nothing heavy.
"""
