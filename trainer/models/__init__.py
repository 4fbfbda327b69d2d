"""One file a model. Each offers `build(classes) -> Body`.

A model that is told more after a colon (`hf:DIR`) says what in WHERE, and offers
`build(classes, where)`.
"""
