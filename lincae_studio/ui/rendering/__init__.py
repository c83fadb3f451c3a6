"""Between document and engine: what to render, what is rendered, and what views compute from it."""
