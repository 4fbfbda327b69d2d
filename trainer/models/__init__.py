"""One file a model. Each offers `build(classes) -> Body`."""
