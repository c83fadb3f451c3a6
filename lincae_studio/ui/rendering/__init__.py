"""Between the document and the engine: what to render, what is rendered, and what views work out from it."""
