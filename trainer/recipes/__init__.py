"""One file a recipe. Its first line says what it is; a comment states the result to expect."""
