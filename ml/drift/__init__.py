"""Drift: have the data, or what they mean, moved since the model was trained?

Belongs here: one decision a period about the features (:mod:`.compare`, :mod:`.decide`), and a
watch over the metric on labels (:mod:`.concept`). Does not belong here: reports for people about
all features, retraining, and who asks for it.
"""
