"""One file a method. Each offers `Options` and `build(task, options) -> Objective`."""
