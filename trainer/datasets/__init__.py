"""One file a data set. Each offers `load(where) -> Dataset`; `where` is what follows its name."""
