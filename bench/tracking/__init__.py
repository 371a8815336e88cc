"""MLflow keeps every trial. The only room that imports it, and only the head process enters."""
